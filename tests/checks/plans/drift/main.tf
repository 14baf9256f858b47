terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

resource "aws_ssm_parameter" "size" {
  name  = "/orders/size"
  type  = "String"
  value = "as configured"
  tags  = { owner = "platform" }
}

resource "aws_ssm_parameter" "password" {
  name  = "/orders/password"
  type  = "SecureString"
  value = "as-configured-secret"
}

resource "aws_ssm_parameter" "ignored" {
  name  = "/orders/ignored"
  type  = "String"
  value = "as configured"

  lifecycle {
    ignore_changes = [value]
  }
}

resource "aws_ssm_parameter" "deleted" {
  name  = "/orders/deleted"
  type  = "String"
  value = "deleted by hand"
}

output "size" {
  value = nonsensitive(aws_ssm_parameter.size.value)
}
