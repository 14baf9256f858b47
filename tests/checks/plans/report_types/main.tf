resource "terraform_data" "values" {
  input = {
    text   = 1
    number = 2.50
    flag   = "true"
    list   = { "0" = "a" }
    gone   = null
    new    = [true, null, 1.5]
    big    = 12345678901234567890
    empty  = ""
  }
}
