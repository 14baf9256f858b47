resource "terraform_data" "vpc" {
  input            = "10.0.0.0/16"
  triggers_replace = 2
}

resource "terraform_data" "subnet" {
  input = {
    vpc   = terraform_data.vpc.id
    zones = [terraform_data.vpc.id, "fixed"]
  }
}
