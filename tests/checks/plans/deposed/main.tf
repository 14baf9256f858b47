resource "terraform_data" "node" {
  triggers_replace = 2

  lifecycle {
    create_before_destroy = true
  }
}
