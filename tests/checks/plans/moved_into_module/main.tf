module "network" {
  source = "./network"
}

moved {
  from = terraform_data.network
  to   = module.network.terraform_data.this["main"]
}
