"""Read the commands in a comment. Pure: takes a comment's text, returns the valid commands.

A command stands alone on its line, in plain text that its author wrote and everybody can see: not quoted, not in code,
not in HTML, and without invisible characters. A command that decides something names the reviewed commit by its full
SHA, since two commits with the same first digits are easy to make.

https://github.github.com/gfm/
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, cast, get_args

from markdown_it import MarkdownIt
from markdown_it.token import Token

Verb = Literal["approve", "confirm", "preview", "reject", "plan", "apply", "cancel", "unlock", "help"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `sha` is complete and in lower case; `environment` and `root_module` are as written."""

    verb: Verb
    sha: str | None = None
    environment: str | None = None
    root_module: str | None = None
    override: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A line that looks like a command but is not one.

    `meant` is the command that was probably meant, with the placeholders SHA, ENVIRONMENT and DIR for values that the
    line lacks. `why` is a sentence that says why the line is not a command, or empty.
    """

    written: str
    meant: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentText:
    """The commands of a comment, and its lines that look like commands but are not."""

    commands: tuple[Command, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()


_LONGEST: Final = 8_000
"""Longer comments are not searched for commands, since that would take too long. If a line of such a comment looks like
a command, the answer says that the comment is too long."""
_MOST_NEAR_MISSES: Final = 3
_TOO_LONG: Final = "Commands are read only in comments of at most 8,000 characters."
_NOT_SHOWN: Final = "The comment has an invisible or misleading character: type the line again instead of pasting it."
_VERBS: Final = get_args(Verb)
_FORMS: Final[dict[Verb, tuple[tuple[str, ...], ...]]] = {
    "approve": (("SHA",),),
    "confirm": (("SHA",),),
    "preview": (("SHA",),),
    "reject": (("SHA",),),
    "plan": ((), ("SHA", "ENVIRONMENT")),
    "apply": (("SHA", "ENVIRONMENT"),),
    "unlock": (("DIR", "ENVIRONMENT"),),
    "cancel": ((),),
    "help": ((),),
}
"""The arguments of each verb, in all allowed forms."""
_OPTIONS: Final = {"-e": "ENVIRONMENT", "--environment": "ENVIRONMENT", "-d": "DIR", "--dir": "DIR"}
_PREFIXES: Final = {"ENVIRONMENT": "-e ", "DIR": "-d "}
_MEANINGS: Final = {"ENVIRONMENT": "the name of the environment", "DIR": "the root module's directory"}
_FIELDS: Final = {"SHA": "sha", "ENVIRONMENT": "environment", "DIR": "root_module"}
_DIGITS: Final = re.compile(r"[0-9a-fA-F]{4,64}")
_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENVIRONMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_MENTIONED: Final = re.compile(r"[@/`*_]*planward[:,`*_]*", re.IGNORECASE)
_MARKDOWN: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_BIDIRECTIONAL: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_OTHER_LINE_ENDS: Final = frozenset("\x00\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
"""Characters that end a line or a text for some programs. GitHub is not consistent about them."""
_BLANK_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols that are invisible."""


def read_comment(body: str) -> CommentText:
    """Read the commands of a comment, in order, and its lines that only look like one."""
    if "planward" not in body.casefold():
        return CommentText()
    text = body.replace("\r\n", "\n")
    candidates = [line for line in text.split("\n") if _looks_like_command(line)]
    if not candidates:
        return CommentText()
    if len(text) > _LONGEST or not _OTHER_LINE_ENDS.isdisjoint(text) or not _BIDIRECTIONAL.isdisjoint(text):
        why = _TOO_LONG if len(text) > _LONGEST else _NOT_SHOWN
        return CommentText(near_misses=tuple(_near_miss(line, why) for line in candidates[:_MOST_NEAR_MISSES]))
    plain = [line for line in _plain_lines(text) if _looks_like_command(line)]
    commands = [(line, _read_line(line)) for line in plain]
    missed = [line for line, command in commands if command is None]
    return CommentText(
        commands=tuple(command for _, command in commands if command is not None),
        near_misses=tuple(_near_miss(line) for line in missed[:_MOST_NEAR_MISSES]),
    )


def _near_miss(line: str, why: str | None = None) -> NearMiss:
    """The command that a line probably meant, with the commit, environment and directory that it names."""
    _, word, *rest = words = _words(line)
    [verb] = get_close_matches(word.casefold().strip("`*_.,:"), _VERBS, n=1, cutoff=0.75)
    given: dict[str, str] = {}
    unknown: list[str] = []
    while rest:
        option, _, value = rest.pop(0).strip("`").partition("=")
        name = _OPTIONS.get(option)
        if name is not None and (value or rest):
            given[name] = value or rest.pop(0).strip("`")
        elif option == "--override" and verb == "apply":
            given[option] = option
        elif _DIGITS.fullmatch(option):
            given["SHA"] = option.lower()
        else:
            unknown.append(option)
    takes = {each for form in _FORMS[cast(Verb, verb)] for each in form}
    unknown += [f"-{name[0].lower()}" for name in given if name in _OPTIONS.values() and name not in takes]
    form = next((form for form in _FORMS[cast(Verb, verb)] if given.keys() & set(form)), _FORMS[cast(Verb, verb)][0])
    whole = {name: value for name, value in given.items() if name != "SHA" or _SHA.fullmatch(value)}
    arguments = [f"{_PREFIXES.get(name, '')}{whole.get(name, name)}" for name in form]
    if "--override" in given:
        arguments.append("--override")
    missing = [name for name in form if name not in whole]
    return NearMiss(
        written=" ".join(words),
        meant=" ".join(["planward", verb, *arguments]),
        why=why or _explain_near_miss(line, verb, missing, unknown),
    )


def _explain_near_miss(line: str, verb: str, missing: Sequence[str], unknown: Sequence[str]) -> str:
    if not all(_is_visible(each) for each in line):
        return _NOT_SHOWN
    if "SHA" in missing:
        return "SHA stands for the commit's full SHA, all 40 digits; the check run shows the line to paste."
    if missing:
        return f"Replace {' and '.join(f'{name} with {_MEANINGS[name]}' for name in missing)}."
    return f"`planward {verb}` does not take `{unknown[0].replace('`', '')}`." if unknown else ""


def _plain_lines(text: str) -> Iterator[str]:
    """The lines that consist only of plain text, in top-level paragraphs outside of `<details>`."""
    lines = text.split("\n")
    hidden = 0
    for block in _MARKDOWN.parse(text):
        hidden += _opens_details(block)
        if block.type != "inline" or block.level != 1 or block.map is None or hidden > 0:
            continue  # in a quote, in a list, or folded
        children = block.children or []
        if any(child.type == "html_inline" for child in children):
            continue
        written = {line.strip(" ") for line in lines[block.map[0] : block.map[1]]}
        # Headings have level 1, too. `# planward help` is no command: `written` has the line with `#`, but the parsed
        # text comes without it.
        for line in _split(children):
            if (
                len(line) == 1
                and line[0].type == "text"
                and line[0].level == 0
                and line[0].content.strip(" ") in written
            ):
                yield line[0].content.strip(" ")


def _split(children: Sequence[Token]) -> Iterator[list[Token]]:
    line: list[Token] = []
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield line
            line = []
        else:
            line.append(child)
    yield line


def _opens_details(block: Token) -> int:
    """How many `<details>` a block of HTML opens, minus how many it closes."""
    html = [block] if block.type == "html_block" else [c for c in block.children or [] if c.type == "html_inline"]
    content = "".join(token.content for token in html).casefold()
    return content.count("<details") - content.count("</details")


def _words(line: str) -> list[str]:
    """The words of a line as people see them, without invisible characters."""
    return "".join(each if _is_visible(each) else " " * each.isspace() for each in line).split()


def _looks_like_command(line: str) -> bool:
    """Whether a line begins with "planward" and a word similar to a verb, and is too short for a sentence."""
    words = _words(line)
    if not 2 <= len(words) <= 8 or _MENTIONED.fullmatch(words[0]) is None:
        return False
    return bool(get_close_matches(words[1].casefold().strip("`*_.,:"), _VERBS, n=1, cutoff=0.75))


def _read_line(line: str) -> Command | None:
    if not all(_is_visible(each) for each in line):
        return None
    name, verb, *rest = line.split()
    if name != "planward" or verb not in _VERBS:
        return None
    command = _read_arguments(cast(Verb, verb), rest)
    return command if command is not None and _is_whole(command) else None


def _read_arguments(verb: Verb, words: Sequence[str]) -> Command | None:
    """The arguments in any order; None if one is repeated or an option has no value.

    Each word that is neither an option nor a value counts as the SHA, which `_is_whole` checks.
    """
    found: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name = {"-e": "environment", "-d": "root_module", "--override": "override"}.get(word, "sha")
        if name in found or (word in ("-e", "-d") and not left):
            return None
        found[name] = left.pop(0) if word in ("-e", "-d") else word
    sha = found.get("sha")
    return Command(
        verb=verb,
        sha=None if sha is None else sha.lower(),
        environment=found.get("environment"),
        root_module=found.get("root_module"),
        override="override" in found,
    )


def _is_whole(command: Command) -> bool:
    """Whether a command has exactly the arguments of its verb."""
    if command.sha is not None and _SHA.fullmatch(command.sha) is None:
        return False
    if command.environment is not None and _ENVIRONMENT.fullmatch(command.environment) is None:
        return False
    given = {name for name in ("sha", "environment", "root_module") if getattr(command, name) is not None}
    wanted = [{_FIELDS[name] for name in form} for form in _FORMS[command.verb]]
    return given in wanted and (command.verb == "apply" or not command.override)


def _is_visible(character: str) -> bool:
    """Whether a character is visible. Of all characters that look like a space, only the ordinary one counts."""
    if character == " ":
        return True
    hidden = unicodedata.category(character)[0] in "CZ" or unicodedata.name(character, "").startswith("VARIATION")
    return not hidden and character not in _BLANK_LETTERS
