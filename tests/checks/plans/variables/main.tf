variable "plain" {
  default = "plain"
}

variable "secret" {
  sensitive = true
  default   = "correct-horse-battery"

  validation {
    condition     = length(var.secret) > 3
    error_message = "Too short."
  }
}

resource "terraform_data" "both" {
  input = [var.plain, nonsensitive(var.secret)]
}
