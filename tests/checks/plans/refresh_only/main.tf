resource "terraform_data" "server" {
  input = 2
}
output "size" {
  value = 2
}
