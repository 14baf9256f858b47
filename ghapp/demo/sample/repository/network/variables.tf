variable "environment" {
  type = string
}

variable "cidr" {
  type        = string
  description = "The network's range of addresses."

  validation {
    condition     = can(cidrhost(var.cidr, 0))
    error_message = "The range must be written as in 10.0.0.0/16."
  }
}

variable "subnets" {
  type        = map(string)
  description = "The range of each subnet, by its name."
}
