import {
  to = terraform_data.adopted
  id = "orders-queue"
}
