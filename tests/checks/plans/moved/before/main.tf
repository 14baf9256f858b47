resource "terraform_data" "old" {
  input = "same"
}

resource "terraform_data" "renamed_and_changed" {
  input = "before"
}
