"""Turns of phrase that no native engineer would say aloud, and what to write instead.

They are looked for in names, comments, messages, page templates and docs. `old_turns.txt` lists how many of each are
still in a file: there may be fewer, and none in any other file. `python -m tests.docs.test_words` writes that list; run
it after removing some, never to admit a new one.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = Path(__file__).parent / "old_turns.txt"
LOOKED_AT = (".py", ".md", ".html", ".yml", ".toml")
NOT_OURS = ("tests/checks/plans/", "tests/checks/stored/", "tests/docs/test_words.py", "constraints.txt")

TURNS = {
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
    "the way out": (r"\bthe way out\b", "what to do, a remedy"),
    "is none": (r"\band is none\b", "but is not one"),
    "go on by itself": (r"\bgo(es)? on by (itself|themselves)\b", "resume"),
    "all the same": (r"\ball the same\b", "anyway"),
    "thereof": (r"\b(where|there|here)(of|in|by|upon)\b", "say what"),
}
"""By name: the pattern, in text whose underscores are spaces, and what to write."""


def files() -> list[Path]:
    """Every file that people read."""
    roots = (ROOT / name for name in ("checks", "docs", "ghapp", "tests", ".github"))
    found = [*ROOT.glob("*"), *(path for root in roots for path in root.rglob("*"))]
    return [
        path
        for path in found
        if path.suffix in LOOKED_AT and not path.relative_to(ROOT).as_posix().startswith(NOT_OURS) and path.is_file()
    ]


def turns_in(text: str) -> Counter[str]:
    """How often each turn stands in a text, also in its names and over the end of a line."""
    plain = re.sub(r"[\s_#]+", " ", text)
    found = {name: len(re.findall(pattern, plain, re.IGNORECASE)) for name, (pattern, _) in TURNS.items()}
    return Counter({name: count for name, count in found.items() if count})


def found() -> dict[tuple[str, str], int]:
    """By turn and file: how often."""
    return {
        (turn, path.relative_to(ROOT).as_posix()): count
        for path in files()
        for turn, count in turns_in(f"{path.relative_to(ROOT)}\n{path.read_text()}").items()
    }


def old() -> dict[tuple[str, str], int]:
    """What the list admits."""
    lines = [line.split("\t") for line in OLD.read_text().splitlines()]
    return {(turn, path): int(count) for turn, path, count in lines}


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("# planned\n# anew", {"anew": 1}),
        ("def plan_anew() -> None: ...", {"anew": 1}),
        ("It is done behind\n    what came first", {"behind for after": 1}),
        ("Planward stands behind a proxy, owing to its certificate", {}),
        ("moved logs are not to be had", {"to be had": 1}),
        ("Moved logs are unavailable", {}),
    ],
)
def test_a_turn_is_found_in_names_and_over_lines(text: str, turns: dict[str, int]) -> None:
    assert turns_in(text) == turns


def test_no_turn_comes_back() -> None:
    admitted = old()
    more = [
        f"{path}: {turn!r} ({TURNS[turn][0]}): write {TURNS[turn][1]}"
        for (turn, path), count in found().items()
        if count > admitted.get((turn, path), 0)
    ]
    assert more == []


if __name__ == "__main__":
    OLD.write_text("".join(f"{turn}\t{path}\t{count}\n" for (turn, path), count in sorted(found().items())))
