resource "terraform_data" "zones" {
  input = {
    zones    = ["c", "a", "b"]
    rules    = [{ name = "two", port = 2 }, { name = "one", port = 1 }]
    document = "{\n  \"b\": [1, 2],\n  \"a\": 1\n}"
  }
}
