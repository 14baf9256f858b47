"""Errors before Terraform itself runs."""

from ghapp.errors import JobError


class TerraformError(JobError):
    """Terraform cannot be run as requested."""


class TerraformMissing(TerraformError):
    """There is no engine, or not the configured one."""


class NoVersionFits(TerraformError):
    """No installed engine satisfies a root module's `required_version`."""
