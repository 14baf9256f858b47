import {
  to = terraform_data.adopted
  id = "orders-queue"
}

resource "terraform_data" "adopted" {
}
