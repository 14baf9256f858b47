# One component: its name, its settings, and a value. A change of the value replaces the component.

variable "name" {
  type        = string
  description = "The component's name, without the environment."
}

variable "environment" {
  type = string
}

variable "settings" {
  type        = map(string)
  default     = {}
  description = "Settings that can be changed in place."
}

variable "made_of" {
  type        = string
  default     = ""
  description = "What the component consists of; it is replaced when this changes."
}

resource "terraform_data" "this" {
  input = merge(var.settings, {
    name        = "${var.environment}-${var.name}"
    environment = var.environment
  })

  triggers_replace = var.made_of
}

output "id" {
  value = terraform_data.this.id
}

output "name" {
  value = terraform_data.this.output.name
}
