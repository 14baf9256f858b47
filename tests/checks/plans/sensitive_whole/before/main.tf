resource "terraform_data" "key" {
  input = sensitive({ private = "correct-horse-battery", size = 2048 })
}
