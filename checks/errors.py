"""The tree of what can go wrong in `checks`.

ChecksError
├── PlanFormatError        bytes that are no plan, or a plan that this code does not understand
└── ConfigurationError     root modules that cannot be brought into an order, named
"""


class ChecksError(Exception):
    """The root of the tree; never raised itself."""


class PlanFormatError(ChecksError):
    """The plan JSON is not understood, and a plan that is half understood is not understood."""


class ConfigurationError(ChecksError):
    """The repository's Terraform configuration contradicts itself; says where."""
