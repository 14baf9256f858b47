"""How property-based tests are tried: with how many examples, and without a limit of time.

A machine that is busy must fail no test, so an example may take as long as it takes.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "planward", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("planward")

share = 0.5
"""The share of examples that is tried. `--fast` lowers it, and `--every` raises it, before any test is collected."""


def examples(number: int) -> int:
    """The number of examples to try: `number` with `--every`, and otherwise a share of it, at least one."""
    return max(1, round(number * share))
