resource "terraform_data" "changed" {
  input = { size = 2, password = sensitive("correct-horse-battery") }
}

resource "terraform_data" "replaced" {
  triggers_replace = 2
}

resource "terraform_data" "new" {
}

moved {
  from = terraform_data.old
  to   = terraform_data.new
}

resource "terraform_data" "added" {
  count = 2
}

output "later" {
  value = terraform_data.added[*].id
}
