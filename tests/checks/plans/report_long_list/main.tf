resource "terraform_data" "allowed" {
  input = { addresses = concat([for n in range(40) : "10.0.${n}.1" if n != 7], ["192.0.2.1", "192.0.2.2"]) }
}
