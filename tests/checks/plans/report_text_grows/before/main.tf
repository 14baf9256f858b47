resource "terraform_data" "motd" {
  input = "Welcome"
}
