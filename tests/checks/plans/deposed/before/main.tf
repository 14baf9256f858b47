resource "terraform_data" "node" {
  triggers_replace = 1

  provisioner "local-exec" {
    when    = destroy
    command = "exit 1"
  }

  lifecycle {
    create_before_destroy = true
  }
}
