output "endpoints" {
  value = { api = "https://api.v1.example.org", admin = "https://admin.example.org", list = [1, 2, 4] }
}

output "policy" {
  value = jsonencode({ v1ersion = "v1", Allow = ["read"] })
}

output "token" {
  value     = "token-of-v1"
  sensitive = true
}
