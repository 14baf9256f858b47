"""Work that the fork server does once for all Planward processes that are forked from it. Import this only there."""

import functools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ghapp.github import keys
from ghapp.terraform import Terraform, programs
from tests import authorities
from tests.databases import new_sqlite

authorities.share()
authorities.read_ahead()

# A check of the primes of the App's key takes 60 ms. It is not needed, since a test has just made the key.
_unchecked = functools.partial(load_pem_private_key, unsafe_skip_rsa_key_validation=True)
setattr(keys, "load_pem_private_key", _unchecked)  # noqa: B010

_probe = programs._probe
_engines: dict[tuple[str, ...], Terraform] = {}
if (_terraform := shutil.which("terraform")) is not None:
    _engines[_terraform,] = _probe([_terraform])


def ask_engine(argv: Sequence[str]) -> Terraform:
    """Like `programs._probe`, but `terraform` on PATH was asked only once, when this module was imported."""
    return _engines.get(tuple(argv)) or _probe(argv)


def _open_a_database() -> None:
    """Have SQLAlchemy and the engine prepare what they need for any database."""
    with tempfile.TemporaryDirectory(prefix="planward-") as directory:
        new_sqlite(Path(directory))


_open_a_database()
