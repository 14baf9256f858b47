resource "terraform_data" "token" {
  input = sensitive("correct-horse-battery")
}
