resource "terraform_data" "server" {
  input = 1
}
output "size" {
  value = 1
}
