resource "terraform_data" "server" {
  count = 2
  input = { size = 3 }

  lifecycle {
    postcondition {
      condition     = self.input.size > 1
      error_message = "A server needs more than one processor."
    }
  }
}

check "size" {
  assert {
    condition     = terraform_data.server[0].input.size < 3
    error_message = "Servers are larger than agreed: ${terraform_data.server[0].input.size}."
  }
}

check "later" {
  assert {
    condition     = terraform_data.server[1].output.size == 3
    error_message = "The size did not arrive."
  }
}

output "size" {
  value = terraform_data.server[0].input.size

  precondition {
    condition     = terraform_data.server[0].input.size != 0
    error_message = "No size."
  }
}
