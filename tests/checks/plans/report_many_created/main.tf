resource "terraform_data" "host" {
  for_each = { for n in range(40) : format("host-%02d", n) => n }
  input    = { name = each.key, address = "10.1.${each.value}.10", role = each.value % 2 == 0 ? "web" : "worker" }
}
