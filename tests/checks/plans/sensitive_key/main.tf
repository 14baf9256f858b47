resource "terraform_data" "by_name" {
  for_each = nonsensitive(toset([sensitive("orders"), "mails"]))
  input    = each.key
}

resource "terraform_data" "map" {
  input = { (sensitive("hidden-key-name")) = "value of the hidden key" }
}
