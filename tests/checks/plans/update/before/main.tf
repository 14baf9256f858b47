resource "terraform_data" "server" {
  input = {
    name  = "web"
    size  = 2
    ports = [80, 443]
    tags  = { team = "payments", stage = "testing" }
  }
}
