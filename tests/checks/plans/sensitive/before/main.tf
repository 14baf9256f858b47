variable "password" {
  type      = string
  sensitive = true
  default   = "correct-horse-battery"
}

resource "terraform_data" "service" {
  input = {
    user     = "orders"
    password = var.password
    urls     = ["https://orders.example.org", "postgres://orders:${var.password}@db"]
    nested   = { deep = { secret = var.password, plain = 1 } }
  }
}
