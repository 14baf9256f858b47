resource "terraform_data" "zones" {
  input = {
    zones    = ["a", "b", "c"]
    rules    = [{ name = "one", port = 1 }, { name = "two", port = 2 }]
    document = "{\"a\":1,\"b\":[1,2]}"
  }
}
