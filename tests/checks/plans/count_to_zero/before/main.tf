resource "terraform_data" "worker" {
  count = 2
}

resource "terraform_data" "single" {
}

module "part" {
  count  = 1
  source = "./part"
}
