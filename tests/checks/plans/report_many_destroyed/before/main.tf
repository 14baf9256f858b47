resource "terraform_data" "host" {
  for_each = { for n in range(30) : format("host-%02d", n) => n }
  input    = { name = each.key, address = "10.1.${each.value}.10" }
}
