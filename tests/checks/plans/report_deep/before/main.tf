resource "terraform_data" "tree" {
  input = { a = { b = { c = { d = { e = { f = ["x", { g = "old" }] } } } } }, z = 1 }
}
