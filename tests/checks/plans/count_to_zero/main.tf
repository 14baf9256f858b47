resource "terraform_data" "worker" {
  count = 1
}

resource "terraform_data" "single" {
  for_each = toset(["only"])
}

module "part" {
  count  = 0
  source = "./part"
}
