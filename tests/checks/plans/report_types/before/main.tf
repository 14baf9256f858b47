resource "terraform_data" "values" {
  input = {
    text   = "1"
    number = 2
    flag   = true
    list   = ["a"]
    gone   = { was = "here" }
    new    = null
    big    = 12345678901234567000
    empty  = "full"
  }
}
