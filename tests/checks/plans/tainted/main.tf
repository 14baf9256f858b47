resource "terraform_data" "node" {
}
