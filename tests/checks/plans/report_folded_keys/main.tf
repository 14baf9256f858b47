resource "terraform_data" "bucket" {
  for_each = toset(["audit", "backup", "cache", "data", "exports", "files", "guests"])
  input    = { retention_days = 30, region = "eu-west-1" }
}
