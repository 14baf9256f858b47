resource "terraform_data" "ünïcode" {
  for_each = toset(["schlüssel", "鍵", "a b/c.d"])
  input = {
    "kubernetes.io/name" = each.key
    "größe (MB)"         = 20
    greeting             = "Grüße aus München 👋"
  }
}
