terraform {
  required_version = ">= 1.4"

  backend "local" {}
}

data "terraform_remote_state" "network" {
  backend = "local"
  config  = { path = "${var.states}/network/${var.environment}.tfstate" }
}

data "terraform_remote_state" "database" {
  backend = "local"
  config  = { path = "${var.states}/database/${var.environment}.tfstate" }
}

module "service" {
  source   = "../modules/component"
  for_each = var.services

  name        = each.key
  environment = var.environment
  made_of     = each.value.image
  settings = {
    replicas = tostring(each.value.replicas)
    network  = data.terraform_remote_state.network.outputs.network
    database = data.terraform_remote_state.database.outputs.address
  }
}
