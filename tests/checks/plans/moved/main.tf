resource "terraform_data" "new" {
  input = "same"
}

resource "terraform_data" "changed" {
  input = "after"
}

moved {
  from = terraform_data.old
  to   = terraform_data.new
}

moved {
  from = terraform_data.renamed_and_changed
  to   = terraform_data.changed
}
