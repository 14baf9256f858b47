resource "terraform_data" "server" {
  input = "steady"
}
