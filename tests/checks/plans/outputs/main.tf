resource "terraform_data" "server" {}

output "changed" {
  value = { url = "https://new.example.org" }
}

output "same" {
  value = [1, 2]
}

output "known_later" {
  value = terraform_data.server.id
}

output "password" {
  value     = "correct-horse-battery"
  sensitive = true
}
