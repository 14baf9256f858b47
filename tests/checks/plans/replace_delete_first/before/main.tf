resource "terraform_data" "database" {
  input            = "orders"
  triggers_replace = { engine = "postgres", version = 15 }
}
