terraform {
  required_version = ">= 1.4"

  backend "local" {}
}

module "orders" {
  source = "../modules/component"

  name        = "orders"
  environment = var.environment
  made_of     = "postgres-${var.engine_version}"
  settings    = { size_gb = tostring(var.size_gb) }
}

resource "terraform_data" "owner" {
  input = {
    database = module.orders.name
    login    = "orders"
    password = var.database_password
  }
}
