variable "subnet" {
  type = string
}

resource "terraform_data" "server" {
  input = { subnet = var.subnet }
}

output "address" {
  value = terraform_data.server.id
}
