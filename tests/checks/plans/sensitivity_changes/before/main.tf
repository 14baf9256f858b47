resource "terraform_data" "token" {
  input = "correct-horse-battery"
}
