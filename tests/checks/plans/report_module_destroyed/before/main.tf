module "reports" {
  source = "./reports"
}

resource "terraform_data" "kept" {
  input = "kept"
}
