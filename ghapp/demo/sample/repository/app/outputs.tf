output "services" {
  value = { for name, service in module.service : name => service.name }
}
