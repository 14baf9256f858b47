resource "terraform_data" "firewall" {
  input = {
    ingress = [
      { from_port = 443, to_port = 443, protocol = "tcp", cidr_blocks = ["10.0.0.0/8", "0.0.0.0/0"] },
      { from_port = 8000, to_port = 8099, protocol = "tcp", cidr_blocks = ["10.0.0.0/8"] },
    ]
  }
}
