"""How many examples a property is tried with."""

share = 1.0
"""Which part of them; `--fast` sets it before any test is collected."""


def examples(number: int) -> int:
    """So many, or the part of them that is tried while one works."""
    return max(1, round(number * share))
