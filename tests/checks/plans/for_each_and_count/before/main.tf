resource "terraform_data" "zone" {
  for_each = toset(["eu-west-1a", "eu-west-1b", "a \"quoted\" key"])
  input    = each.key
}

resource "terraform_data" "subnet" {
  count = 12
  input = { cidr = "10.0.${count.index}.0/24", owner = "network" }
}
