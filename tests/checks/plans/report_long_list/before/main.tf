resource "terraform_data" "allowed" {
  input = { addresses = [for n in range(40) : "10.0.${n}.1"] }
}
