resource "terraform_data" "table" {
  input            = "reports"
  triggers_replace = [1]
}

resource "terraform_data" "queue" {
  input = terraform_data.table.id
}
