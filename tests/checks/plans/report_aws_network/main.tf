terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  default_tags {
    tags = { release = var.release }
  }
}
variable "release" { default = "1.4.0" }
variable "step" {
  type    = number
  default = 1
}

locals { two = var.step == 2 }
resource "aws_vpc" "main" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = local.two
  tags                 = { Name = "main" }
}
resource "aws_subnet" "private" {
  count      = 3
  vpc_id     = aws_vpc.main.id
  cidr_block = cidrsubnet(aws_vpc.main.cidr_block, 4, count.index)
  tags       = { Name = "private", owner = local.two ? "platform" : "payments" }
}
resource "aws_subnet" "public" {
  count                   = local.two ? 1 : 2
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 4, 8 + count.index)
  map_public_ip_on_launch = true
}
resource "aws_security_group" "web" {
  name        = "web"
  description = "web servers"
  vpc_id      = aws_vpc.main.id
  ingress {
    description = "https"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = local.two ? ["10.0.0.0/8", "0.0.0.0/0"] : ["10.0.0.0/8"]
  }
  ingress {
    description = "ssh"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_s3_bucket" "logs" {
  bucket        = local.two ? "acme-audit-logs" : "acme-logs"
  force_destroy = true
}
resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = local.two ? "order_id" : "id"
  attribute {
    name = local.two ? "order_id" : "id"
    type = "S"
  }
}
resource "aws_kms_key" "old" {
  count       = local.two ? 0 : 1
  description = "old key"
}
resource "aws_iam_role" "app" {
  name = "app"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}
resource "aws_iam_role_policy" "app" {
  name = "app"
  role = aws_iam_role.app.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Read", Effect = "Allow", Action = concat(["s3:GetObject"], local.two ? ["s3:PutObject"] : []), Resource = "${aws_s3_bucket.logs.arn}/*" },
      { Sid = "List", Effect = "Allow", Action = "s3:ListBucket", Resource = local.two ? "*" : "arn:aws:s3:::acme-logs" },
    ]
  })
}
resource "aws_launch_template" "web" {
  name          = "web"
  image_id      = local.two ? "ami-0f00f00f00f00f00f" : "ami-0a00a00a00a00a00a"
  instance_type = "t3.small"
  user_data     = base64encode("hello")
}
resource "aws_iam_policy" "new" {
  count = local.two ? 1 : 0
  name  = "admin"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "All", Effect = "Allow", Action = "*", Resource = "*" }]
  })
}
resource "aws_secretsmanager_secret" "db" {
  name = "db"
}
resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = local.two ? "hunter2-new-password" : "hunter2-old-password"
}
resource "aws_eip" "nat" {
  count  = local.two ? 1 : 0
  domain = "vpc"
}
output "bucket" { value = aws_s3_bucket.logs.bucket }
output "secret" {
  value     = local.two ? "s3cret-two" : "s3cret-one"
  sensitive = true
}
