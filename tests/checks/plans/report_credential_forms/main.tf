resource "terraform_data" "service" {
  input = {
    access_key = "AKIAIOSFODNN7EXAMPLE"
    url        = "postgres://orders:correct-horse@db.example:5432/orders"
    key        = "-----BEGIN RSA PRIVATE KEY-----\nMIIEexample0example1example2example3example4example5\n-----END RSA PRIVATE KEY-----\n"
    size       = 2
  }
}
