resource "terraform_data" "first" {}

data "terraform_remote_state" "network" {
  backend = "local"
  config = {
    path = "state-of-${terraform_data.first.id}.tfstate"
  }
}
