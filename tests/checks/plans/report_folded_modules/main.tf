module "cell" {
  source   = "./cell"
  for_each = toset(["eu", "us"])
  size     = 4
}
