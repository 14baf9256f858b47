terraform {
  required_version = ">= 1.4"

  backend "local" {}
}

resource "terraform_data" "network" {
  input = {
    name = "${var.environment}-network"
    cidr = var.cidr
  }
}

module "subnet" {
  source   = "../modules/component"
  for_each = var.subnets

  name        = "subnet-${each.key}"
  environment = var.environment
  made_of     = each.value
  settings    = { network = terraform_data.network.output.name }
}
