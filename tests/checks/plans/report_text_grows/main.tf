resource "terraform_data" "motd" {
  input = "Welcome\nto the\nmachine\n"
}
