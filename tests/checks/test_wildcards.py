"""Patterns with stars: their meaning, and that no number of stars takes long."""

import pytest

from checks.wildcards import Wildcards
from tests.cores import CoreTime

AS_ATLANTIS = ("**/", "**", "*", "?")


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("*", "", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("a*c", "abbc", True),
        ("a*c", "ab", False),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("kv/**/x", "kv/a/b/x", True),
        ("kv/*/x", "kv/a/b/x", False),
        ("a?c", "a?c", True),
        ("a?c", "abc", False),
        ("a+[b]", "a+[b]", True),
    ],
)
def test_texts_that_a_pattern_matches(pattern: str, text: str, fits: bool) -> None:
    assert Wildcards(pattern).matches(text) is fits


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("**/app", "app", True),
        ("**/app", "a/b/app", True),
        ("**/app", "myapp", False),
        ("**/app", "a//app", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("live/**/db*", "live/eu/west/db1", True),
    ],
)
def test_texts_that_a_pattern_of_atlantis_matches(pattern: str, text: str, fits: bool) -> None:
    assert Wildcards(pattern, AS_ATLANTIS).matches(text) is fits


@pytest.mark.parametrize("star", ["*a", "**a", "**/", "?*"])
def test_a_pattern_of_a_hundred_stars_looks_at_each_character_at_most_once_for_each_star(star: str) -> None:
    with CoreTime() as took:
        assert not Wildcards(star * 100 + "!", AS_ATLANTIS).matches("a" * 2_000)
    assert took.seconds < 5
