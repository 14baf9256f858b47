"""The exceptions of `checks`, as a tree.

ChecksError
├── PlanFormatError        bytes that are not a plan, or a plan that this code does not understand
└── ConfigurationError     root modules that have no valid order; the text names them
"""


class ChecksError(Exception):
    """The base class; never raised itself."""


class PlanFormatError(ChecksError):
    """The plan JSON is not understood, in whole or in part, or it exceeds a limit."""


class ConfigurationError(ChecksError):
    """The root modules have no valid order; the text names them."""
