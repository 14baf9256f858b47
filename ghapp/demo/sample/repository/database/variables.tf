variable "environment" {
  type = string
}

variable "engine_version" {
  type        = string
  description = "PostgreSQL's major version. Changing it replaces the database."
}

variable "size_gb" {
  type = number

  validation {
    condition     = var.size_gb >= 10
    error_message = "A database has at least 10 GB."
  }
}

variable "database_password" {
  type        = string
  description = "The password of the owner, from Vault."
  sensitive   = true
}
