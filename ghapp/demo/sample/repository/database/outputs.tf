output "address" {
  value = "${module.orders.name}.db.internal"
}
