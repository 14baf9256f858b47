"""Masking hostile text takes linear time."""

from collections.abc import Callable

import pytest

from checks.sensitive import Mask
from checks.sensitive.credential_forms import FORMS
from checks.sensitive.line_mask import LineMask
from tests.cores import CoreTime, processor_s

SMALL, LARGE = 12_000, 96_000
# Eight times the text may take eight times as long; quadratic code takes sixty-four times as long.
MOST_TIMES = 24
SHORTEST_S = 0.2
ANCHORS = {
    f"form {number}" + f", anchor {place}" * bool(place): anchor
    for number, form in enumerate(FORMS)
    for place, anchor in enumerate(form.anchors)
}
FORMS_ALONE = [name for name in ANCHORS if "," not in name]
"""Only the first anchor of each form, since the same pattern is tried at the form's other anchors."""
BEGIN = "-----BEGIN PRIVATE KEY-----"


def require_linear(work: Callable[[str], object], unit: str, before: str = "") -> None:
    small, quarter, large = (before + unit * (size // len(unit)) for size in (SMALL, LARGE // 4, LARGE))
    if processor_s(lambda: work(quarter)) < SHORTEST_S / 4**2:
        return  # quadratic code would take less than SHORTEST_S for the large text
    took = processor_s(lambda: work(large))
    if took < SHORTEST_S:
        return
    took = min(took, processor_s(lambda: work(large)))
    least = min(processor_s(lambda: work(small)) for _ in range(2))
    assert took < max(SHORTEST_S, MOST_TIMES * least), f"{took:.2f} s for {unit!r}, {least:.3f} s for an eighth of it"


def line_by_line(mask: Mask) -> Callable[[str], object]:
    def work(text: str) -> None:
        lines = LineMask(mask)
        for line in text.splitlines(keepends=True):
            lines.feed(line)
        lines.flush()

    return work


@pytest.mark.by_default(*FORMS_ALONE)
@pytest.mark.parametrize("anchor", ANCHORS.values(), ids=ANCHORS)
def test_a_text_full_of_beginnings_of_credentials_is_masked_in_linear_time(anchor: str) -> None:
    for filling in ("", "a", "A1 ", "=", "-!", ".", "\\"):
        require_linear(Mask.none().text, anchor + filling)


@pytest.mark.parametrize(
    "unit",
    [
        "a line\n",
        f"{BEGIN}\n",
        f"{BEGIN}!\n",
        f"{BEGIN}\nMIIE!\n",
        "-----END X-----\n",
        f"{BEGIN}-----END ",
        f"x{BEGIN}-----END CERTIFICATE-----\n",
    ],
)
def test_lines_after_a_private_key_that_never_ends_are_masked_in_linear_time(unit: str) -> None:
    require_linear(line_by_line(Mask.none()), unit, before=f"{BEGIN}\n")
    require_linear(Mask.none().text, unit, before=f"{BEGIN}\n")


def test_twenty_thousand_lines_after_an_open_private_key_take_less_than_a_second() -> None:
    text = f"{BEGIN}\n" + "ok\n" * 20_000  # shorter than the longest private key, so all lines wait
    with CoreTime() as took:
        line_by_line(Mask.none())(text)
    assert took.seconds < 1


@pytest.mark.parametrize("line", ["a", "ab", "x" * 40])
def test_lines_that_keep_beginning_a_secret_are_masked_in_linear_time(line: str) -> None:
    secret = f"{line}\n" * 2_000 + "the end of it"
    require_linear(line_by_line(Mask.of([secret])), f"{line}\n")


def test_a_secret_of_a_hundred_thousand_lines_makes_a_mask() -> None:
    with CoreTime() as took:
        lines = LineMask(Mask.of(["x\n" * 100_000 + "the end of it"]))
        assert lines.feed("x\n") == ""
    assert took.seconds < 20


def test_a_secret_whose_first_lines_come_again_and_again_is_still_found() -> None:
    secret = "aa\nb\naa\nc\nthe end of it"
    lines = LineMask(Mask.of([secret]))
    text = "zaa\nb\naa\nb\naa\nc\nthe end of it\nmore\n"
    given = "".join([*map(lines.feed, text.splitlines(keepends=True)), lines.flush()])
    assert given == Mask.of([secret]).text(text) == "zaa\nb\n(sensitive)\nmore\n"


def test_a_private_key_is_found_in_the_lines_after_one_that_never_ended() -> None:
    key = f"{BEGIN}\n" + "MIIEsecret+key/material\n" * 40 + "-----END PRIVATE KEY-----\n"
    text = f"{BEGIN}!\n" + "a harmless line, with a comma\n" * 3_000 + key
    lines = LineMask(Mask.none())
    given = "".join([*map(lines.feed, text.splitlines(keepends=True)), lines.flush()])
    assert "MIIE" not in given
    assert given.count("a harmless line") == 3_000


@pytest.mark.parametrize("unit", ["reports", "reports-", "reports ", "reports-2026 ", "x"])
def test_a_text_full_of_secrets_that_are_names_is_masked_in_linear_time(unit: str) -> None:
    names = ["null_x.reports", f"null_x.{'reports' * 1_000}", f"null_x.{'x' * 50_000}"]
    require_linear(Mask.of(["reports", "xxxx"]).but_names(names).text, unit)
