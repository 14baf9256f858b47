variable "name" {
  type = string
}

module "network" {
  source = "./network"
  count  = 2
  cidr   = "10.${count.index}.0.0/16"
}

resource "terraform_data" "cluster" {
  input = {
    name     = var.name
    networks = module.network[*].id
  }
}

output "name" {
  value = terraform_data.cluster.output.name
}
