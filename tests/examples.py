"""The number of examples with which each property-based test is tried."""

share = 1.0
"""The share of them that is tried. `--fast` lowers it before any test is collected."""


def examples(number: int) -> int:
    """The number of examples to try: `number`, or with `--fast` a share of it, at least one."""
    return max(1, round(number * share))
