resource "terraform_data" "server" {
  input = {
    name  = "web"
    size  = 4
    ports = [80, 8443, 443]
    tags  = { team = "payments", owner = "platform" }
  }
}
