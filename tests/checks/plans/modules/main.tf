module "region" {
  for_each = toset(["eu", "us"])
  source   = "./region"
  name     = each.key
}

output "names" {
  value = { for key, region in module.region : key => region.name }
}
