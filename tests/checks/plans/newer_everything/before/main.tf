resource "terraform_data" "changed" {
  input = { size = 1, password = sensitive("correct-horse-battery") }
}

resource "terraform_data" "replaced" {
  triggers_replace = 1
}

resource "terraform_data" "gone" {
}

resource "terraform_data" "old" {
}
