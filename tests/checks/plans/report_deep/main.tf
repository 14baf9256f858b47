resource "terraform_data" "tree" {
  input = { a = { b = { c = { d = { e = { f = ["x", { g = "new" }] } } } } }, z = 1 }
}
