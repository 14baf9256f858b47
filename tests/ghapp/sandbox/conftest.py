"""A directory that a run under another uid can reach."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user may pass through, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="planward-") as made:
        Path(made).chmod(0o711)
        yield Path(made)
