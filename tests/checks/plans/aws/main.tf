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

  default_tags {
    tags = { owner = "platform", version = "2" }
  }
}

variable "password" {
  type      = string
  sensitive = true
  default   = "correct-horse-battery"
}

resource "aws_db_instance" "orders" {
  identifier          = "orders"
  engine              = "postgres"
  engine_version      = "16.4"
  instance_class      = "db.t3.micro"
  allocated_storage   = 20
  availability_zone   = "eu-west-1b"
  username            = "orders"
  password            = var.password
  skip_final_snapshot = true
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "The web servers"

  ingress {
    description = "https"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  ingress {
    description = "ssh"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_iam_role_policy" "web" {
  name = "web"
  role = "web"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "*" },
    ]
  })
}

resource "aws_ssm_parameter" "password" {
  name  = "/orders/password"
  type  = "SecureString"
  value = var.password
}

resource "aws_sqs_queue" "orders" {
  name = "orders"
}
