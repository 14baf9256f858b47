resource "terraform_data" "server" {
  input = { size = 2 }
}
