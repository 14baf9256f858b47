output "network" {
  value = terraform_data.network.output.name
}

output "subnets" {
  value = { for key, subnet in module.subnet : key => subnet.name }
}
