locals {
  network = terraform_data.network.id
}

resource "terraform_data" "network" {
  triggers_replace = [2]
}

resource "terraform_data" "subnet" {
  count = 2
  input = { network = local.network, number = count.index }
}

resource "terraform_data" "unrelated" {
  input = "unrelated"
}

module "app" {
  source = "./app"
  subnet = terraform_data.subnet[0].id
}

resource "terraform_data" "dns" {
  input = { target = module.app.address }
}
