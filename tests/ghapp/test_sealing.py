"""Encryption of stored logs and reports."""

from pathlib import Path

import pytest

from ghapp.errors import SettingsError
from ghapp.sealing import Sealer, UnsealError, load_or_make_key

OLD, NEW = "an old key of at least 16", "a new key of at least 16"


def test_a_sealed_text_opens_only_for_its_own_row() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(b"a report", about="run 1")
    assert b"report" not in sealed
    assert sealer.open(sealed, about="run 1") == b"a report"


def test_the_same_text_is_sealed_differently_each_time() -> None:
    sealer = Sealer([OLD])
    assert sealer.seal(b"x", about="run 1") != sealer.seal(b"x", about="run 1")


def test_a_row_cannot_be_put_in_the_place_of_another() -> None:
    sealed = Sealer([OLD]).seal(b"a report", about="run 1")
    with pytest.raises(UnsealError):
        Sealer([OLD]).open(sealed, about="run 2")


def test_a_changed_text_is_refused() -> None:
    sealed = bytearray(Sealer([OLD]).seal(b"a report", about="run 1"))
    sealed[-1] ^= 1
    with pytest.raises(UnsealError):
        Sealer([OLD]).open(bytes(sealed), about="run 1")


def test_a_list_of_keys_rotates() -> None:
    before = Sealer([OLD]).seal(b"a report", about="run 1")
    both = Sealer([NEW, OLD])
    after = both.seal(b"a report", about="run 1")
    assert both.open(before, about="run 1") == b"a report"
    assert Sealer([NEW]).open(after, about="run 1") == b"a report"
    with pytest.raises(UnsealError, match="does not list"):
        Sealer([NEW]).open(before, about="run 1")


@pytest.mark.parametrize("keys", [[], ["short"]])
def test_no_key_or_a_short_one_is_refused(keys: list[str]) -> None:
    with pytest.raises(SettingsError, match="PLANWARD_ENCRYPTION_KEY"):
        Sealer(keys)


def test_the_data_directorys_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    key = load_or_make_key(tmp_path)
    assert load_or_make_key(tmp_path) == key
    assert len(key) == 64
    assert (tmp_path / "encryption.key").stat().st_mode & 0o777 == 0o600


def test_a_tag_is_valid_only_for_its_subject_and_under_any_listed_key() -> None:
    tag = Sealer([OLD]).tag("picture 1 0")
    assert Sealer([NEW, OLD]).has_tag("picture 1 0", tag)
    assert not Sealer([OLD]).has_tag("picture 1 1", tag)
    assert not Sealer([NEW]).has_tag("picture 1 0", tag)
    assert not Sealer([OLD]).has_tag("picture 1 0", "é")
