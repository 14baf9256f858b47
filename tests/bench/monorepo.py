"""Generate a monorepo: root modules read each other's state and call shared modules, which call each other."""

import argparse
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of the repository; the defaults give 5,000 `.tf` files."""

    root_modules: int = 1_000
    shared_modules: int = 200


def files(size: Size) -> Iterator[tuple[str, str]]:
    """All files: a root module has four `.tf`, a lock file and variables; a shared one five `.tf` and a template."""
    for number in range(size.shared_modules):
        yield from _shared_module(number, size)
    for number in range(size.root_modules):
        yield from _root_module(number, size)


def write(top: Path, size: Size) -> int:
    """Write the monorepo and return the number of its files."""
    count = 0
    for path, content in files(size):
        place = top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        count += 1
    return count


def commit(top: Path, message: str) -> None:
    """Make the directory a repository and commit all its files."""
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=top, check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["git", "add", "-A"], cwd=top, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "-m", message], cwd=top, check=True)


def root_module_dir(number: int) -> str:
    """The directory of a root module, by team and service as is usual."""
    return f"teams/team-{number % 40:02}/service-{number:04}"


def shared_module_dir(number: int) -> str:
    """The directory of a shared module."""
    return f"modules/module-{number:03}"


def _up(directory: str) -> str:
    return "/".join([".."] * (directory.count("/") + 1))


def _root_module(number: int, size: Size) -> Iterator[tuple[str, str]]:
    here = root_module_dir(number)
    called = [(number * step + step) % size.shared_modules for step in (1, 7, 13)]
    calls = "\n".join(
        _CALL.format(part=part, source=f"{_up(here)}/{shared_module_dir(other)}", team=number % 40)
        for part, other in enumerate(called)
    )
    read = _REMOTE_STATE.format(number=number // 10) if number else ""
    # Every file names its module: equal files would be one blob, which is parsed only once.
    yield f"{here}/main.tf", f"# service {number}\n{_LOCALS}\n{calls}\n{_RESOURCES}"
    yield f"{here}/variables.tf", f"# service {number}\n{_VARIABLES}"
    yield f"{here}/outputs.tf", f"# service {number}\n{_OUTPUTS}"
    yield f"{here}/versions.tf", _VERSIONS.format(number=number) + read
    yield f"{here}/.terraform.lock.hcl", f"# service {number}\n"
    yield f"{here}/env/testing.tfvars", f'name = "service-{number}"\n'


def _shared_module(number: int, size: Size) -> Iterator[tuple[str, str]]:
    here = shared_module_dir(number)
    calls_inner = number >= size.shared_modules // 2
    inner = f'module "inner" {{\n  source = "../module-{number // 2:03}"\n}}\n' if calls_inner else ""
    yield f"{here}/main.tf", f"# module {number}\n{_RESOURCES}\n{inner}"
    yield f"{here}/instances.tf", f"# module {number}\n{_TEMPLATE_USER}"
    yield f"{here}/variables.tf", f"# module {number}\n{_VARIABLES}"
    yield f"{here}/outputs.tf", f"# module {number}\n{_OUTPUTS}"
    yield f"{here}/versions.tf", f'terraform {{\n  required_version = ">= 1.5"\n}}\n# module {number}\n'
    yield f"{here}/templates/user-data.sh.tftpl", f"#!/bin/sh\necho ${{name}} {number}\n"


_CALL = """module "part_{part}" {{
  source = "{source}"

  name        = "${{local.name}}-{part}"
  environment = var.environment
  tags        = merge(local.tags, {{ part = "{part}", owner = "team-{team:02}" }})
  subnet_ids  = [for subnet in data.aws_subnets.private.ids : subnet if subnet != ""]
}}
"""

_LOCALS = """locals {
  name = "${var.name}-${var.environment}"
  tags = {
    environment = var.environment
    managed_by  = "terraform"
  }
}
"""

_RESOURCES = """data "aws_subnets" "private" {
  filter {
    name   = "tag:tier"
    values = ["private", var.environment == "production" ? "protected" : "open"]
  }
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "Managed by Terraform: ${var.name}"
  vpc_id      = var.vpc_id

  dynamic "ingress" {
    for_each = { for rule in var.rules : "${rule.protocol}-${rule.port}" => rule if rule.enabled }
    content {
      from_port   = ingress.value.port
      to_port     = try(ingress.value.to_port, ingress.value.port)
      protocol    = ingress.value.protocol
      cidr_blocks = coalescelist(ingress.value.cidr_blocks, ["10.0.0.0/8"])
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role" "this" {
  name = "${var.name}-role"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "cpu" {
  count               = var.environment == "production" ? 2 : 0
  alarm_name          = format("%s-cpu-%02d", var.name, count.index)
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  metric_name         = "CPUUtilization"
  namespace           = "AWS/EC2"
  period              = 120
  statistic           = "Average"
  threshold           = 80 + count.index * 10
}
"""

_TEMPLATE_USER = """resource "aws_launch_template" "this" {
  name_prefix = "${var.name}-"
  user_data = base64encode(templatefile("${path.module}/templates/user-data.sh.tftpl", {
    name = var.name
  }))

  tag_specifications {
    resource_type = "instance"
    tags          = merge({ Name = var.name }, var.environment == "production" ? { backup = "daily" } : {})
  }
}

resource "aws_ssm_parameter" "motd" {
  name  = "/${var.environment}/${var.name}/motd"
  type  = "String"
  value = <<-EOT
    Welcome to ${var.name}.
    %{for rule in var.rules~}
    ${rule.protocol}/${rule.port}
    %{endfor~}
  EOT
}
"""

_VARIABLES = """variable "name" {
  description = "What everything in here is named after."
  type        = string

  validation {
    condition     = length(var.name) <= 40 && can(regex("^[a-z]", var.name))
    error_message = "At most 40 characters, the first one a letter."
  }
}

variable "environment" {
  description = "testing, staging or production."
  type        = string
  default     = "testing"
}

variable "vpc_id" {
  type = string
}

variable "password" {
  type      = string
  sensitive = true
}

variable "rules" {
  type = list(object({
    protocol    = string
    port        = number
    to_port     = optional(number)
    enabled     = optional(bool, true)
    cidr_blocks = optional(list(string), [])
  }))
  default = []
}
"""

_OUTPUTS = """output "security_group_id" {
  description = "For the rules of others."
  value       = aws_security_group.this.id
}

output "role_arn" {
  description = "The role that instances take on."
  value       = aws_iam_role.this.arn
}
"""

_VERSIONS = """terraform {{
  required_version = ">= 1.6, < 2.0"

  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "~> 5.40"
    }}
  }}

  backend "s3" {{
    bucket         = "acme-terraform-state"
    key            = "services/service-{number:04}.tfstate"
    region         = "eu-central-1"
    dynamodb_table = "terraform-locks"
    encrypt        = true
  }}
}}

provider "aws" {{
  region = "eu-central-1"
}}
"""

_REMOTE_STATE = """
data "terraform_remote_state" "below" {{
  backend = "s3"
  config = {{
    bucket = "acme-terraform-state"
    key    = "services/service-{number:04}.tfstate"
    region = "eu-central-1"
  }}
}}
"""


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write the monorepo of the benchmark to a new directory.")
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--root-modules", type=int, default=Size().root_modules)
    arguments.add_argument("--shared-modules", type=int, default=Size().shared_modules)
    given = arguments.parse_args()
    given.directory.mkdir(parents=True)
    write(given.directory, Size(root_modules=given.root_modules, shared_modules=given.shared_modules))
    commit(given.directory, "Add everything")
