"""Every regular expression in the code takes linear time on any text.

The patterns are collected from the modules themselves, each with the methods by which it is called, so that a new one
is tried like the others; a pattern that is made where it is used could not be collected, and is refused.
"""

import ast
import contextlib
import importlib
import itertools
import pkgutil
import re
import signal
import string
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import checks
import ghapp
from checks.sensitive.credential_forms import CredentialForm

sre: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

SMALL, LARGE = 2_000, 16_000
# Eight times the text may take eight times as long; a quadratic pattern takes sixty-four times as long.
MOST_TIMES = 24
# What is over sooner cannot freeze anything at this size.
SHORTEST_S = 0.08
ENDS = ("", "\0", "x\\")
LONGEST_S = 1.0
# What is quadratic, and takes as long as that on the large text, takes a sixteenth of it on a quarter of the text: what
# takes less is not looked at any closer.
QUARTER, A_SIXTEENTH_S = LARGE // 4, SHORTEST_S / 16
METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")
# Methods that go through a text in the same way.
ALIKE = {"findall": "finditer", "sub": "finditer", "subn": "finditer", "split": "finditer"}
# Those that together take at least as long as any.
ANY_METHOD = ("finditer", "fullmatch", "search")
# Of the operator's own machine, and of the demo's GitHub, which serves one person.
NOT_OURS = ("ghapp.demo", "ghapp.local_github", "ghapp.setup")


class Found(NamedTuple):
    """A pattern, and where it is."""

    name: str
    pattern: "re.Pattern[Any]"


# -- the patterns ------------------------------------------------------------------------------------------------------


def paths() -> dict[str, Path]:
    """Where every module is, by its name."""
    found: dict[str, Path] = {}
    for package in (checks, ghapp):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if each.name.startswith(NOT_OURS) or ".migrations" in each.name or each.name.endswith("__main__"):
                continue
            spec = each.module_finder.find_spec(each.name, None)
            assert spec is not None
            assert spec.origin is not None
            found[each.name] = Path(spec.origin)
    return found


@cache
def modules() -> dict[str, ast.Module]:
    """Every module with its text, by its name."""
    return {name: ast.parse(path.read_text()) for name, path in paths().items()}


@cache
def usages() -> tuple[dict[str, set[str]], set[str]]:
    """By name: the methods of patterns that are called on it; and the names that are handed on."""
    called: dict[str, set[str]] = {}
    handed_on = set()
    for tree in modules().values():
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                if not (isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)):
                    continue
                if isinstance(node, ast.Attribute) and node.attr in METHODS:
                    called.setdefault(child.id, set()).add(node.attr)
                elif not isinstance(node, ast.Attribute):
                    handed_on.add(child.id)
    return called, handed_on


def methods_of(found: Found) -> tuple[str, ...]:
    """How a pattern of this name is called anywhere; all ways where it is handed on."""
    name = found.name.rpartition(".")[2]
    called, handed_on = usages()
    methods = {ALIKE.get(method, method) for method in called.get(name, set())}
    return tuple(sorted(methods)) if methods and name not in handed_on else ANY_METHOD


def patterns_in(value: object) -> Iterator["re.Pattern[Any]"]:
    """The patterns in a value, also deep in tables."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, str) and value.startswith("^") and value.endswith("$"):
        yield re.compile(value)  # a form of the config, which the JSON Schema needs as a text
    elif isinstance(value, CredentialForm):
        return  # tried at its anchors alone, as part of the mask: test_sensitive_linear.py
    elif isinstance(value, dict):
        for item in value.items():
            yield from patterns_in(item)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from patterns_in(item)


def collected() -> list[Found]:
    """All patterns of the product."""
    found: dict[tuple[str, int], Found] = {}
    for module in paths():
        for name, value in vars(importlib.import_module(module)).items():
            for pattern in patterns_in(value):
                key = (str(pattern.pattern), pattern.flags)
                found.setdefault(key, Found(f"{module}.{name}", pattern))
    return sorted(found.values(), key=lambda each: each.name)


# -- hostile texts -----------------------------------------------------------------------------------------------------


def sample(tokens: Any, *, most: bool) -> str:
    """A text that the tokens match, with as little or as much of what may be repeated."""
    return "".join(_sample(token, argument, most) for token, argument in tokens)


def _sample(token: Any, argument: Any, most: bool) -> str:
    match str(token):
        case "LITERAL":
            return chr(int(argument))
        case "NOT_LITERAL":
            return "x" if argument != ord("x") else "y"
        case "ANY":
            return "x"
        case "IN":
            return _member(argument)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, body = argument
            times = max(low, min(int(high), low + 2)) if most else low
            return sample(body, most=most) * int(times)
        case "SUBPATTERN":
            return sample(argument[3], most=most)
        case "ATOMIC_GROUP":
            return sample(argument, most=most)
        case "BRANCH":
            return sample(argument[1][0], most=most)
        case _:
            return ""


def _member(argument: Any) -> str:
    accepted = re.compile(_as_class(argument), re.ASCII)
    return next(
        (each for each in string.ascii_letters + string.digits + string.punctuation + " \t\n" if accepted.match(each)),
        "x",
    )


def _as_class(argument: Any) -> str:
    negated = bool(argument) and argument[0][0] is sre.NEGATE
    parts = []
    for token, value in argument:
        if token is sre.LITERAL:
            parts.append(re.escape(chr(value)))
        elif token is sre.RANGE:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        elif token is sre.CATEGORY:
            parts.append(_CATEGORIES[value])
    return f"[{'^' if negated else ''}{''.join(parts)}]"


_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}


def parts(tokens: Any) -> Iterator[tuple[str, str]]:
    """For everything that may be repeated, and for every beginning of the pattern: what stands before, and itself."""
    for most in (False, True):
        before = ""
        for token, argument in tokens:
            yield from ((before + inner, body) for inner, body in _inner(token, argument))
            before += _sample(token, argument, most)
            yield "", before


def _inner(token: Any, argument: Any) -> Iterator[tuple[str, str]]:
    match str(token):
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            for most in (False, True):
                yield "", sample(argument[2], most=most)
            yield from parts(argument[2])
        case "SUBPATTERN":
            yield from parts(argument[3])
        case "ATOMIC_GROUP":
            yield from parts(argument)
        case "BRANCH":
            for branch in argument[1]:
                yield from parts(branch)
        case "ASSERT" | "ASSERT_NOT":
            yield from parts(argument[1])
        case _:
            return


def hostile_texts(pattern: "re.Pattern[Any]") -> list[tuple[str, str]]:
    """Pairs of a beginning and what is repeated after it."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tokens = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    found = {(before, body) for before, body in parts(tokens) if body}
    bodies = {body for _, body in found} | {" ", "\n", "a", "0", '"', "\\"}
    short = {body for body in bodies if len(body) <= 2}
    beginnings = {before for before, _ in found}
    return sorted(
        found
        | {(before, body) for before in beginnings for body in (" ", "\n", "a", "0", '"', "\\\\")}
        | {("", one + other) for one in short for other in short}
        | {("", body) for body in bodies}
    )


def seconds(found: Found, method: str, text: Any) -> float:
    call = getattr(found.pattern, method)
    began = time.process_time()
    with limited(LONGEST_S):
        result = call(text)
        if method == "finditer":
            for _ in result:
                pass
    return time.process_time() - began


class TooLong(BaseException):
    """It takes longer than any linear pattern."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Python looks for signals also while a pattern is tried."""

    def give_up(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


FOUND = collected()


@pytest.mark.parametrize("found", FOUND, ids=[each.name for each in FOUND])
def test_a_pattern_takes_time_that_grows_with_the_text_alone(found: Found) -> None:
    is_bytes = isinstance(found.pattern.pattern, bytes)

    def took(size: int, times: int) -> float:
        text = before + body * (size // len(body)) + end
        given = text.encode("latin-1", "replace") if is_bytes else text
        return min(seconds(found, method, given) for _ in range(times))

    for (before, body), end, method in itertools.product(hostile_texts(found.pattern), ENDS, methods_of(found)):
        if took(QUARTER, 1) < A_SIXTEENTH_S or took(LARGE, 1) < SHORTEST_S:
            continue
        large_s, small_s = took(LARGE, 2), took(SMALL, 3)
        assert large_s < max(SHORTEST_S, MOST_TIMES * small_s), (
            f"{method} takes {large_s:.3f} s for {before!r} + {body!r} * n + {end!r}, "
            f"{small_s:.4f} s for an eighth of it: {found.pattern.pattern!r}"
        )


def test_no_pattern_is_made_where_it_is_used() -> None:
    made = {
        f"{module}.{function.name}"
        for module, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in (*METHODS, "compile")
    }
    assert made == {
        "ghapp.repository_config.words.fits",  # of the forms above
        "checks.sensitive.credential_forms._prefixed",  # of FORMS, which the mask's own test tries
        "checks.sensitive.credential_forms._shaped",
    }


def test_no_module_takes_patterns_from_elsewhere() -> None:
    names = {
        alias.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.name in ("fnmatch", "regex", "re2", "glob") or getattr(node, "module", "") in ("re", "fnmatch", "glob")
    }
    assert names == set()


def test_a_pattern_that_is_not_linear_is_found() -> None:
    for pattern in (r"\s*=?\s*x", r"(a|a)*b", r'"(?:[^"\\]|\\.)*"', r"a.*b", r"^(\s*(?:=)?\s*\d,?)*$"):
        found = Found("made up", re.compile(pattern))
        with pytest.raises((AssertionError, TooLong)):
            test_a_pattern_takes_time_that_grows_with_the_text_alone(found)
