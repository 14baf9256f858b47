"""How property-based tests are tried: with which examples, how many, and without a limit of time.

A machine that is busy must fail no test, so an example may take as long as it takes. By default, the examples are the
same in each run, so that a failure has its cause in the change that is tested. With `--every`, they are random.
"""

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("planward", deadline=None, suppress_health_check=_SLOW, derandomize=True)
settings.register_profile("every", settings.get_profile("planward"), derandomize=False)
settings.load_profile("planward")

share = 0.5
"""The share of examples that is tried. `--fast` lowers it, and `--every` raises it, before any test is collected."""


def try_every() -> None:
    """Try all examples of each test, and other ones in each run. Call this before any test is collected."""
    global share
    share = 1.0
    settings.load_profile("every")


def examples(number: int) -> int:
    """The number of examples to try: `number` with `--every`, and otherwise a share of it, at least one."""
    return max(1, round(number * share))
