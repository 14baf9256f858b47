resource "terraform_data" "node" {
  triggers_replace = 2

  provisioner "local-exec" {
    when    = destroy
    command = "exit 1"
  }

  lifecycle {
    create_before_destroy = true
  }
}
