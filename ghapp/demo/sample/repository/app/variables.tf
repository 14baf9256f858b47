variable "environment" {
  type = string
}

variable "states" {
  type        = string
  description = "The directory that holds the states of all root modules."
}

variable "services" {
  type = map(object({
    image    = string
    replicas = number
  }))
  description = "The services, by name."
}
