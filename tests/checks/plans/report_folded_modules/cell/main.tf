variable "size" {
  type = number
}

resource "terraform_data" "node" {
  count = 2
  input = { size = var.size }
}
