resource "terraform_data" "listener" {
  input = {
    rules = [
      { name = "api", path = "/api", weight = 5 },
      { name = "admin", path = "/admin", weight = 1 },
      { name = "health", path = "/health", weight = 1 },
    ]
  }
}
