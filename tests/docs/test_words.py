"""Phrases that no native engineer would say aloud, and what to write instead.

The test looks for them in names, comments, messages, page templates and docs. Only the names in `KEPT` may contain one.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIXES = (".py", ".md", ".html", ".yml", ".toml")
PASSED_OVER = ("tests/checks/plans/", "tests/checks/stored/", "tests/docs/test_words.py", "constraints.txt")

PHRASES = {
    "anew": (r"\banew\b", "again"),
    "owe": (r"\bow(e|es|ed|ing)\b(?! to\b)", "enqueue, pending, missing"),
    "by and by": (r"\bby and by\b", "over time, one after the other"),
    "put off": (r"\bput(s|ting)? off\b", "defer"),
    "to be had": (r"\bto be had\b", "available"),
    "behind for after": (r"\bbehind (what|whatever|it|that|all|one that|its? end)\b", "after"),
    "go on behind": (r"\bgo(es|ing)? on (behind|where)\b", "resume after"),
    "let go on": (r"\blets? go on\b", "resume"),
    "in vain": (r"\bin vain\b", "without success, for nothing"),
    "not that way": (r"\bnot that way\b", "not allowed"),
    "see to it": (r"\bsees? to it\b", "make sure"),
    "come to": (r"\bhow to come to\b", "how to get"),
    "what comes of": (r"\bwhat (comes?|came|becomes?|became) of\b", "the result, what happens to"),
    "what there is": (r"\bwhat (there is|is there)\b", "name the thing"),
    "tell of": (r"\b(tells?|told) of\b", "report, notify"),
    "a word for": (r"\bthere is a word for\b", "supported"),
    "of whom": (r"\bof whom\b", "whose, by whom"),
    "lest": (r"\blest\b", "so that … not"),
    "told apart": (r"\btold apart\b", "distinguished"),
    "where for if": (r"\bNone where (it|there|that|nobody|nothing)\b", "None if"),
    "the way out": (r"\b(the|its) way out\b", "what to do, a remedy"),
    "is none": (r"\band is none\b", "but is not one"),
    "go on by itself": (r"\bgo(es)? on by (itself|themselves)\b", "resume"),
    "all the same": (r"\ball the same\b", "anyway"),
    "whoever asks": (r"\bwhoever asks\b", "the client, every caller"),
    "none of": (r"\b(is|are) none of (it|ours|vaults|atlantis)\b", "is not from, is not one of"),
    "what leads": (r"\bwhat (leads|plays the part)\b", "name the thing"),
    "thereof": (r"\b(where|there|here)(of|in|by|upon)\b", "say what"),
}
"""By name: the pattern, in text whose underscores are spaces, and what to write instead."""
ROUGHLY = {name: re.compile(pattern.lower().removeprefix(r"\b")) for name, (pattern, _) in PHRASES.items()}
"""Simpler patterns for text in small letters. They find at least as much as `PHRASES`.

They are ten times as fast, since they begin with a letter.
"""
KEPT = {
    "plan_anew": "the tag of a job that databases store",
    "plan_group_anew": "the tag of a job that databases store",
    "planward_github_put_off": "a metric on which operators' alerts depend",
}
"""Names that contain a phrase and cannot be changed, with the reason."""


def files() -> list[Path]:
    """Every file that people read, except for generated ones and this one."""
    roots = (ROOT / name for name in ("checks", "docs", "ghapp", "tests", ".github"))
    found = [*ROOT.glob("*"), *(path for root in roots for path in root.rglob("*"))]
    return [
        path
        for path in found
        if path.suffix in SUFFIXES and not path.relative_to(ROOT).as_posix().startswith(PASSED_OVER) and path.is_file()
    ]


def phrases_in(text: str) -> Counter[str]:
    """How often each phrase is in a text, also inside names and across the end of a line, but not in KEPT."""
    without_kept = re.sub(rf"\b({'|'.join(KEPT)})(?=\b|_total\b)", "", text)
    plain = re.sub(r"[\s_#]+", " ", without_kept)
    small = plain.lower()
    found = {
        name: len(re.findall(pattern, plain, re.IGNORECASE))
        for name, (pattern, _) in PHRASES.items()
        if ROUGHLY[name].search(small)
    }
    return Counter({name: count for name, count in found.items() if count})


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("# planned\n# anew", {"anew": 1}),
        ("def planned_anew() -> None: ...", {"anew": 1}),
        ("It is done behind\n    what came first", {"behind for after": 1}),
        ("Planward stands behind a proxy, owing to its certificate", {}),
        ("moved logs are not to be had", {"to be had": 1}),
        ("Moved logs are unavailable", {}),
        ('Struct, tag="plan_anew"', {}),
    ],
)
def test_a_phrase_is_found_in_names_and_across_lines(text: str, phrases: dict[str, int]) -> None:
    assert phrases_in(text) == phrases


def test_no_phrase_comes_back() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {phrase!r} ({PHRASES[phrase][0]}): write {PHRASES[phrase][1]}"
        for path in files()
        for phrase in phrases_in(f"{path.relative_to(ROOT)}\n{path.read_text()}")
    ]
    assert found == []
