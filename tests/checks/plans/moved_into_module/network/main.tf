resource "terraform_data" "this" {
  for_each = toset(["main"])
  input    = "10.0.0.0/16"
}
