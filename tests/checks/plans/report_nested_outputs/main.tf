output "endpoints" {
  value = { api = "https://api.v2.example.org", admin = "https://admin.example.org", list = [1, 2, 3] }
}

output "policy" {
  value = jsonencode({ v2ersion = "v2", Allow = ["read", "write"] })
}

output "token" {
  value     = "token-of-v2"
  sensitive = true
}
