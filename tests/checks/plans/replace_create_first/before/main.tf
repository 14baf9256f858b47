resource "terraform_data" "certificate" {
  triggers_replace = ["example.org"]

  lifecycle {
    create_before_destroy = true
  }
}
