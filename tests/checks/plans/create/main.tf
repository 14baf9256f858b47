resource "terraform_data" "server" {
  input = {
    name = "web"
    size = 2
    tags = { team = "payments" }
  }
}
