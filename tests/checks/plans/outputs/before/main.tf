output "changed" {
  value = { url = "https://old.example.org" }
}

output "gone" {
  value = 1
}

output "same" {
  value = [1, 2]
}
