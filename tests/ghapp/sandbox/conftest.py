"""A directory that a run under another uid can reach."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user may enter, unlike pytest's temporary directories."""
    with tempfile.TemporaryDirectory(prefix="planward-") as made:
        Path(made).chmod(0o711)
        yield Path(made)
