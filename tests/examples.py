"""The number of examples with which each property-based test is tried."""

share = 0.5
"""The share of them that is tried. `--fast` lowers it, and `--every` raises it, before any test is collected."""


def examples(number: int) -> int:
    """The number of examples to try: `number` with `--every`, and otherwise a share of it, at least one."""
    return max(1, round(number * share))
