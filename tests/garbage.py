"""Collect garbage less often: thousands of tests are objects that stay, and each collection looks at all of them."""

import gc

_MOST_NEW_OBJECTS = 20_000


def pytest_collection_finish() -> None:
    """Exempt the collected tests and their modules from all collections."""
    gc.freeze()
    gc.set_threshold(_MOST_NEW_OBJECTS)
