"""A log is masked while it arrives, in any chunks."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.sensitive import REPLACEMENT, Mask
from checks.sensitive.line_mask import LineMask
from tests.examples import examples

KEY = "-----BEGIN PRIVATE KEY-----\nMIIE\nab=\n-----END PRIVATE KEY-----"
MASK = Mask.of(["hunter2-hunter2", "alpha-line\nxy\nbravo-line", "42"])
LOG = f"start\nurl postgres://u:pw@h\nhunter2-hunter2 and x\nalpha-line\nxy\nbravo-line\n42\n{KEY}\nalpha-line\nend 42"
SEEN = (
    f"start\nurl postgres://u:{REPLACEMENT}@h\n{REPLACEMENT} and x\n{REPLACEMENT}\n{REPLACEMENT}\n"
    f"{REPLACEMENT}\n{REPLACEMENT}\nend 42"
)


def fed(lines: LineMask, *chunks: str) -> list[str]:
    return [*(lines.feed(chunk) for chunk in chunks), lines.flush()]


def test_a_line_comes_out_when_it_is_complete() -> None:
    assert fed(LineMask(MASK), "sta", "rt\nhun", "ter2-hunter2\nend") == ["", "start\n", f"{REPLACEMENT}\n", "end"]


def test_lines_that_may_begin_a_secret_wait_for_the_next() -> None:
    assert fed(LineMask(MASK), "a\nalpha-line\n", "xy\n", "bravo-line\n") == ["a\n", "", f"{REPLACEMENT}\n", ""]
    assert fed(LineMask(MASK), "alpha-line\n", "xy\n", "other\n") == ["", "", f"{REPLACEMENT}\nxy\nother\n", ""]


def test_a_private_key_waits_for_its_end() -> None:
    begin, first, *rest = KEY.splitlines(keepends=True)
    assert fed(LineMask(MASK), f"a {begin}", first, "".join(rest), "\nb\n") == [
        "a ",
        "",
        "",
        f"{REPLACEMENT}\nb\n",
        "",
    ]


def test_a_private_key_that_never_ends_is_hidden() -> None:
    assert fed(LineMask(MASK), "-----BEGIN PRIVATE KEY-----\nMIIE\n") == ["", REPLACEMENT]


def test_a_line_without_end_comes_in_parts_and_its_secrets_are_hidden() -> None:
    line = ("x" * 1000 + "hunter2-hunter2") * 3000
    chunks = [line[start:end] for start, end in pairwise([*range(0, len(line), 10_007), len(line)])]
    parts = fed(LineMask(MASK), *chunks)
    assert "".join(parts) == ("x" * 1000 + REPLACEMENT) * 3000
    assert max(map(len, parts)) < 1_200_000


def test_an_empty_log_gives_nothing() -> None:
    assert fed(LineMask(MASK)) == [""]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_chunks_of_any_size_are_masked_the_same(size: int) -> None:
    chunks = [LOG[start : start + size] for start in range(0, len(LOG), size)]
    assert "".join(fed(LineMask(MASK), *chunks)) == SEEN


@settings(max_examples=examples(100))
@given(st.lists(st.integers(0, len(LOG)), max_size=12))
def test_a_log_is_masked_the_same_wherever_it_is_cut(cuts: list[int]) -> None:
    places = sorted({0, len(LOG), *cuts})
    assert "".join(fed(LineMask(MASK), *(LOG[start:end] for start, end in pairwise(places)))) == SEEN


pieces = st.sampled_from(
    ["hunter2-hunter2", "alpha-line\nxy\nbravo-line", "alpha-line\n", "xy\n", "\n", "x ", "é", KEY]
)


@settings(max_examples=examples(150))
@given(text=st.lists(pieces, max_size=8).map("".join), data=st.data())
def test_a_stream_hides_what_the_whole_text_hides(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    places = sorted({0, len(text), *cuts})
    assert "".join(fed(LineMask(MASK), *(text[a:b] for a, b in pairwise(places)))) == MASK.text(text)
