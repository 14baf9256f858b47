resource "terraform_data" "listener" {
  input = {
    rules = [
      { name = "health", path = "/health", weight = 1 },
      { name = "api", path = "/api/v2", weight = 5 },
      { name = "static", path = "/static", weight = 1 },
    ]
  }
}
