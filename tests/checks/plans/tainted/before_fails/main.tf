resource "terraform_data" "node" {
  provisioner "local-exec" {
    command = "exit 1"
  }
}
