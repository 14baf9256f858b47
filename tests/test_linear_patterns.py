"""Every regular expression in the code takes linear time on any text.

The patterns are collected from the modules themselves, each with the methods that the code calls on it. So a new
pattern is tried like the others. A pattern that is compiled inside a function could not be collected and is refused.
"""

import ast
import contextlib
import importlib
import itertools
import math
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
# The large text is eight times as long as the small one. A linear pattern takes eight times as long for it, a quadratic
# one sixty-four times.
MOST_TIMES = 24
# Cores differ in speed, so the limits are shares of the time that a quadratic pattern takes on this one.
QUADRATIC = re.compile(r"a.*b")
# A pattern that takes less than this share for the large text cannot freeze anything.
SHORTEST = 0.3
# About ten times as long as the slowest of the patterns takes for the large text.
LONGEST = 4
ENDS = ("", "\0", "x\\")
# A quadratic pattern takes 1/16² of its time for 1/16 of the text, and 1/4² of it for 1/4 of the text. A pattern that
# takes less than this share of SHORTEST for one of them is not measured any further.
SHARES = (16, 4)
# Other programs can slow down a measurement, but cannot speed it up. So a pattern that seems to be too slow is measured
# again, and its shortest times count.
ROUNDS = 5
METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")
# The methods that go through a text in the same way as another one.
ALIKE = {"findall": "finditer", "sub": "finditer", "subn": "finditer", "split": "finditer"}
# The first step of each method is all the work of these other methods with the same text.
INCLUDES = {"finditer": {"search", "match"}, "search": {"match"}}
# For any text, one of these methods takes at least as long as any other method.
ANY_METHOD = ("finditer", "fullmatch")
# These modules run on the operator's own machine, or in the demo's GitHub, which serves one person.
NOT_OURS = ("ghapp.demo", "ghapp.local_github", "ghapp.setup")


class Found(NamedTuple):
    """A pattern, and the full name of the variable that holds it."""

    name: str
    pattern: "re.Pattern[Any]"


# -- the patterns ------------------------------------------------------------------------------------------------------


def paths() -> dict[str, Path]:
    """The path of every module, by the module's name."""
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
    """The syntax tree of every module, by the module's name."""
    return {name: ast.parse(path.read_text()) for name, path in paths().items()}


class Usages(NamedTuple):
    """Which pattern methods some code calls on each name, and which names it passes on without calling a method."""

    called: dict[str, set[str]]
    handed_on: set[str]


@cache
def usages() -> tuple[Usages, dict[str, Usages]]:
    """The usages in all modules, and those in each module, by the module's name."""
    everywhere = Usages({}, set())
    by_module = {}
    for module, tree in modules().items():
        by_module[module] = usages_in(tree)
        for name, methods in by_module[module].called.items():
            everywhere.called.setdefault(name, set()).update(methods)
        everywhere.handed_on.update(by_module[module].handed_on)
    return everywhere, by_module


def usages_in(tree: ast.Module) -> Usages:
    found = Usages({}, set())
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)):
                continue
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                found.called.setdefault(child.id, set()).add(node.attr)
            elif not isinstance(node, ast.Attribute):
                found.handed_on.add(child.id)
    return found


@cache
def imported() -> frozenset[str]:
    """The names that some module takes from another one."""
    return frozenset(
        alias.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def methods_of(found: Found) -> tuple[str, ...]:
    """The methods that the code calls on a pattern of this name; ANY_METHOD if the code passes the pattern on."""
    module, _, name = found.name.rpartition(".")
    everywhere, by_module = usages()
    is_private = name.startswith("_") and name not in imported() and module in by_module
    called, handed_on = by_module[module] if is_private else everywhere
    methods = {ALIKE.get(method, method) for method in called.get(name, set())}
    if not methods or name in handed_on:
        return ANY_METHOD
    included = {other for method in methods for other in INCLUDES.get(method, set())}
    return tuple(sorted(methods - included))


def patterns_in(value: object, seen: set[int]) -> Iterator["re.Pattern[Any]"]:
    """The patterns in a value, also deep in tables. A table whose `id` was seen is left out: it was searched before."""
    if isinstance(value, dict | tuple | list | set | frozenset):
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, str) and value.startswith("^") and value.endswith("$"):
        yield re.compile(value)  # a form of the config, which the JSON Schema needs as a text
    elif isinstance(value, CredentialForm):
        return  # tried at its anchors alone, as part of the mask: test_sensitive_linear.py
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from patterns_in(key, seen)
            yield from patterns_in(item, seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from patterns_in(item, seen)


def collected() -> list[Found]:
    """All patterns of the product."""
    found: dict[tuple[str, int], Found] = {}
    seen: set[int] = set()
    for module in paths():
        for name, value in vars(importlib.import_module(module)).items():
            for pattern in patterns_in(value, seen):
                key = (str(pattern.pattern), pattern.flags)
                found.setdefault(key, Found(f"{module}.{name}", pattern))
    return sorted(found.values(), key=lambda each: each.name)


# -- hostile texts -----------------------------------------------------------------------------------------------------


def sample(tokens: Any, *, most: bool) -> str:
    """A text that the tokens match. `most` chooses between few and many repetitions where a token may repeat."""
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
    """Pairs (text before, text) for each part of the pattern that may repeat, and for each beginning of the pattern."""
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
    """Pairs of a beginning and the text that is repeated after it."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tokens = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    found = {(before, body) for before, body in parts(tokens) if body}
    bodies = {body for _, body in found} | {" ", "\n", "a", "0", '"', "\\"}
    short = {body for body in bodies if len(body) <= 2}
    beginnings = {before for before, _ in found}
    return sorted(
        found
        | {(before, body) for before in beginnings for body in (" ", "\n", "a", "0", '"', "\\\\")}
        | {("", one + other) for one in short for other in short if one <= other}  # the others are these, moved a bit
        | {("", body) for body in bodies}
    )


@cache
def quadratic_s() -> float:
    """The processor time that the quadratic pattern takes for the large text."""

    def took() -> float:
        began = time.thread_time()
        assert QUADRATIC.search("a" * LARGE) is None
        return time.thread_time() - began

    return min(took() for _ in range(3))


def seconds(found: Found, method: str, text: Any) -> float:
    """The processor time of one call. Raises TooLong if it is more than LONGEST allows, inside of `giving_up`.

    It is the thread's time. While a timer of processor time runs, Linux counts the time of the process in ticks only,
    and a call of less than a tick would seem to take no time at all.
    """
    call = getattr(found.pattern, method)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST * quadratic_s())
    try:
        began = time.thread_time()
        result = call(text)
        if method == "finditer":
            for _ in result:
                pass
        return time.thread_time() - began
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


class TooLong(BaseException):
    """The pattern takes longer than any linear pattern would."""


@contextlib.contextmanager
def giving_up() -> Iterator[None]:
    """Raise TooLong in the block when the timer of processor time has run out.

    It works since Python handles signals also while it matches a pattern.
    """

    def give_up(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, give_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


FOUND = collected()


@pytest.mark.parametrize("found", FOUND, ids=[each.name for each in FOUND])
def test_the_time_of_a_pattern_grows_linearly_with_the_text(found: Found) -> None:
    is_bytes = isinstance(found.pattern.pattern, bytes)

    def took(size: int, times: int) -> float:
        text = before + body * (size // len(body)) + end
        given = text.encode("latin-1", "replace") if is_bytes else text
        return min(seconds(found, method, given) for _ in range(times))

    shortest_s = SHORTEST * quadratic_s()
    with giving_up():
        for (before, body), end, method in itertools.product(hostile_texts(found.pattern), ENDS, methods_of(found)):
            if any(took(LARGE // share, 1) < shortest_s / share**2 for share in (*SHARES, 1)):
                continue
            large_s = small_s = math.inf
            for _ in range(ROUNDS):
                large_s, small_s = min(large_s, took(LARGE, 2)), min(small_s, took(SMALL, 3))
                if large_s < max(shortest_s, MOST_TIMES * small_s):
                    break
            assert large_s < max(shortest_s, MOST_TIMES * small_s), (
                f"{method} takes {large_s:.3f} s for {before!r} + {body!r} * n + {end!r}, "
                f"{small_s:.4f} s for an eighth of it: {found.pattern.pattern!r}"
            )


def test_no_pattern_is_compiled_inside_a_function() -> None:
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
        "ghapp.repository_config.words.fits",  # compiles the forms of the config, which `patterns_in` yields
        "checks.sensitive.credential_forms._prefixed",  # compiles FORMS, which the mask's own test tries
        "checks.sensitive.credential_forms._shaped",
    }


def test_no_module_uses_another_pattern_library() -> None:
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
            test_the_time_of_a_pattern_grows_linearly_with_the_text(found)
