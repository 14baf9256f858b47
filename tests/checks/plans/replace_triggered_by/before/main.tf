resource "terraform_data" "version" {
  input = 1
}

resource "terraform_data" "node" {
  lifecycle {
    replace_triggered_by = [terraform_data.version]
  }
}
