resource "terraform_data" "settings" {
  input = { for n in range(60) : format("setting_%02d", n) => n * 2 }
}
