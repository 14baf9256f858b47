resource "terraform_data" "zone" {
  for_each = toset(["eu-west-1a", "eu-west-1c", "a \"quoted\" key"])
  input    = each.key
}

resource "terraform_data" "subnet" {
  count = 13
  input = { cidr = "10.0.${count.index}.0/24", owner = "platform" }
}
