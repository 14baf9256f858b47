"""Find the texts of holds and failures in the code; the values in them are written as names in braces."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

WHOLE = (
    "checks/authority",
    "checks/configuration/layers.py",
    "checks/explain.py",
    "checks/gate.py",
    "checks/promotion.py",
    "checks/plan/door.py",
    "checks/report/__init__.py",
    "checks/report/not_there_yet.py",
    "checks/report/plan_parts.py",
    "ghapp/reading/configs.py",
    "ghapp/flows",
    "ghapp/git",
    "ghapp/notify/wording.py",
    "ghapp/repository_config/document.py",
    "ghapp/repository_config/environments.py",
    "ghapp/repository_config/references.py",
    "ghapp/repository_config/root_modules.py",
    "ghapp/repository_config/words.py",
    "ghapp/root_modules",
    "ghapp/vault",
    "ghapp/webhook/commands.py",
)
"""Packages and files of which each text may be shown on a check run."""
ELSEWHERE = ("atlantis", "cli", "demo", "doctor", "local", "local_github", "setup", "web")
"""Packages whose texts no check run shows."""
_KEYWORDS = ("cause", "refused", "held")
"""Keyword arguments that take such a text, in the other packages."""
_READ_BY_NOBODY = re.compile(r"(log|logger|re)\.\w+|step|patiently|(\w+\.)?_?audit|\w*(Type|Value|Runtime)Error")
"""Functions whose texts users do not read: logs, patterns, names of steps, errors of Planward's own."""
_IS_A_TEXT = re.compile(r"[a-z}`).,:;']+ [a-z{`(][a-z}`.,:;')]* ")
_IS_NONE = re.compile(
    r"planward \S+ \{|planward (plan|apply|unlock|not a|nothing) |(abandoned|applied|base|too late|refused): ?"
    r"|internal error: |error: \(429|git-lfs |!f\(\)|not our ref|look for missed|Unable to find remote state"
    r"|(\{\w+\} )?(in )?(\{\w+\} ?)+$"
)
"""Texts that are no message: patterns, options of programs, markers, keys, and prefixes that say where."""


def of_code(already: str) -> Iterator[str]:
    """The texts of the code that are not in `already`: for each file a heading, and a line for each text."""
    paths = sorted([*(ROOT / "ghapp").rglob("*.py"), *(ROOT / "checks").rglob("*.py")])
    files = {path.relative_to(ROOT): ast.parse(path.read_text()) for path in paths}
    errors = _errors(list(files.values()))
    for room, tree in files.items():
        if room.parts[1] in ELSEWHERE:
            continue
        whole = any(room.as_posix() == each or room.as_posix().startswith(f"{each}/") for each in WHOLE)
        said = {**dict(_raised(tree, errors)), **(dict(_said(tree)) if whole else {})}
        texts_of = dict.fromkeys(text for _, text in sorted(said.items(), key=_place))
        found = [each for each in texts_of if _IS_NONE.match(each) is None and not _stands_in(already, each)]
        if found:
            yield "\n".join([f"`{room}`", *(f"  - {' '.join(text.split())}" for text in found)])


@cache
def _nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def _place(said: tuple[ast.expr, str]) -> tuple[int, int]:
    node, _ = said
    return node.lineno, node.col_offset


def _stands_in(already: str, text: str) -> bool:
    """Whether `already` contains each part of a text between its values."""
    parts = [part.strip() for part in re.split(r"\{[^}]*\}", text)]
    long = [part for part in parts if len(part) > 2]
    return bool(long) and all(part in already for part in long)


def _said(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Each text of a file that reads like a part of a sentence, without docstrings and texts that users do not read."""
    unread: set[ast.AST] = set()
    for node in _nodes(tree):
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Assert():
                unread.update(ast.walk(node))
            case ast.Call(func=called) if _READ_BY_NOBODY.fullmatch(ast.unparse(called)):
                unread.update(ast.walk(node))
            case ast.JoinedStr(values=values):
                unread.update(each for each in values if isinstance(each, ast.Constant))
            case _:
                pass
    for node in _nodes(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in unread:
            text = _text(node)
            if text is not None and _IS_A_TEXT.search(text):
                yield node, text


def _errors(trees: list[ast.Module]) -> set[str]:
    """The names of the base classes of errors and of all classes derived from them."""
    classes = [node for tree in trees for node in _nodes(tree) if isinstance(node, ast.ClassDef)]
    names, before = {"JobError", "PlanFormatError", "ConfigurationError"}, 0
    while len(names) > before:
        before = len(names)
        names |= {node.name for node in classes if any(ast.unparse(base) in names for base in node.bases)}
    return names


def _raised(tree: ast.Module, errors: set[str]) -> Iterator[tuple[ast.expr, str]]:
    for node in _nodes(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if (name in errors or name == "refuse") and (text := _text(node.args[0])):
            yield node.args[0], text
    for node in _nodes(tree):
        if isinstance(node, ast.keyword) and node.arg in _KEYWORDS and (text := _text(node.value)):
            yield node.value, text


def _text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(each) or "" for each in values)
        case ast.FormattedValue(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return "{" + name.strip("_").lower() + "}"
        case ast.FormattedValue():
            return "{…}"
        case _:
            return None
