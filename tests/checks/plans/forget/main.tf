resource "terraform_data" "kept" {
  input = "kept"
}

removed {
  from = terraform_data.gone

  lifecycle {
    destroy = false
  }
}
