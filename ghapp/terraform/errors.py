"""What can go wrong before Terraform itself has a say."""

from ghapp.errors import JobError


class TerraformError(JobError):
    """Terraform cannot be run as it was asked."""


class TerraformMissing(TerraformError):
    """There is no engine, or not the one that is configured."""


class NoVersionFits(TerraformError):
    """No engine that is there satisfies a root module's `required_version`."""
