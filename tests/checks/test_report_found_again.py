"""Plans of every shape: each change in the plan JSON is also in the report, and no secret is.

Every generated word and number is unique, so that a test can search for it. The HTML and the JSON must contain each
value that only one side of a change has. The Markdown must contain it too, or say that something of its resource is
shortened or left out.
"""

import base64
import gzip
import html
import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from checks.plan import read_plan
from checks.rendering.html import render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RunReport
from checks.report.root_reports import report_plan
from checks.sensitive import Mask
from tests.checks.building import run
from tests.examples import examples

ACTIONS = (["create"], ["delete"], ["update"], ["update"], ["delete", "create"])
NAMES = ("name", "id", "key", "port", "cidr_blocks", "members", "tags", "rules", "size", "policy", "a b", "user_data")
IS_CUT = re.compile(r"(left out|shortened) here|not shown| \d+ attributes|Left out here")


@dataclass(frozen=True)
class Secret:
    """A value that Terraform marks."""

    value: Any


@dataclass(frozen=True)
class Late:
    """A value that is known after apply."""


@dataclass
class Made:
    """The values in a generated plan: the changed ones by the address of their resource, and the secrets."""

    changed: dict[str, set[str]] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    vault: set[str] = field(default_factory=set)


class Maker:
    """Generates plans, and collects in `made` the values that a test searches for."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.made = Made()
        self.number = 0

    def word(self, start: str = "w") -> str:
        self.number += 1
        return f"{start}{self.number}q{self.number * 7919 % 9973}z"

    def key(self) -> str:
        return self.chance.choice(NAMES) if self.chance.random() < 0.6 else self.word("k")

    def secret(self) -> str:
        word = self.word("S3cret")
        self.made.secrets.add(word)
        return word

    def vault_value(self) -> str:
        word = self.word("Vault")
        self.made.vault.add(word)
        return word

    def leaf(self) -> Any:
        kind = self.chance.randrange(12)
        if kind < 3:
            return self.word()
        if kind == 3:
            self.number += 1
            return (
                7_310_000_000_000_000_000_000 + self.number if self.chance.random() < 0.5 else 910_000 + self.number / 4
            )
        if kind == 4:
            return Secret(self.secret())
        if kind == 5:
            return f"postgres://app:{self.vault_value()}@{self.word()}"
        if kind == 6:
            return "d" * self.chance.choice([100, 400, 3_000]) + self.word() + "d" * self.chance.choice([10, 500])
        if kind == 7:
            return self.chance.choice([True, False, None, "", [], {}])
        return self.document()

    def document(self) -> str:
        lines = [self.line() for _ in range(self.chance.choice([2, 2, 3, 3, 5, 90]))]
        kind = self.chance.randrange(6)
        if kind == 0:
            return json.dumps({f"line{number}": line for number, line in enumerate(lines)})
        if kind == 2:  # short lines, since a text that was compressed to less than a tenth is not decoded
            lines = [line[:60] for line in lines]
        text = "\n".join(lines) + self.chance.choice(["", "\n"])
        if kind == 1:
            return base64.b64encode(text.encode()).decode()
        if kind == 2:
            return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        return text.replace("\n", "\r\n") if kind == 3 else text

    def line(self) -> str:
        if self.chance.random() < 0.1:
            return f"export PASSWORD={self.vault_value()} {self.word()}"
        return f"run {self.word()} " + "x" * self.chance.choice([0, 0, 0, 500])

    def value(self, depth: int = 0) -> Any:
        if depth > self.chance.choice([0, 1, 2, 4]):
            return self.leaf()
        kind = self.chance.randrange(4)
        if kind == 0:
            return {self.key(): self.value(depth + 1) for _ in range(self.chance.randrange(1, 4))}
        if kind == 1:
            keys = [self.key() for _ in range(self.chance.randrange(1, 4))]
            return [{key: self.leaf() for key in keys} for _ in range(self.chance.randrange(1, 6))]
        if kind == 2:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(1, 6))]
        return self.leaf()

    def after(self, before: Any) -> Any:
        """The value afterwards: the same, changed in part, or gone."""
        kind = self.chance.randrange(8)
        if kind < 2:
            return before
        if kind == 2:
            return self.value(2)
        if kind == 3:
            return self.chance.choice([None, "", [], {}, Late()])
        if isinstance(before, dict) and before:
            return self.object_after(before)
        if isinstance(before, list) and before:
            return self.list_after(before)
        if isinstance(before, str) and "\n" in before and self.chance.random() < 0.7:
            return self.text_after(before)
        return self.leaf()

    def object_after(self, before: dict[str, Any]) -> dict[str, Any]:
        after = {key: self.after(value) for key, value in before.items()}
        if self.chance.random() < 0.3:
            del after[self.chance.choice(list(after))]
        if self.chance.random() < 0.3:
            after[self.word("k")] = self.value(3)
        return after

    def list_after(self, before: list[Any]) -> list[Any]:
        after = [item if self.chance.random() < 0.5 else self.after(item) for item in before]
        if self.chance.random() < 0.3:
            del after[self.chance.randrange(len(after))]
        if self.chance.random() < 0.4:
            after.insert(self.chance.randrange(len(after) + 1), self.value(3))
        if self.chance.random() < 0.3:
            self.chance.shuffle(after)
        return after

    def text_after(self, before: str) -> str:
        lines = before.split("\n")
        lines[self.chance.randrange(len(lines))] = self.line()
        return "\n".join(lines)

    def plan(self) -> dict[str, Any]:
        resources = []
        for number in range(self.chance.randrange(1, 4)):
            actions = self.chance.choice(ACTIONS)
            address = f"null_x.r{number}z"
            before = {self.key(): self.value() for _ in range(self.chance.randrange(1, 6))}
            after = {key: self.after(value) for key, value in before.items()}
            sides = (None if actions == ["create"] else before, None if actions == ["delete"] else after)
            self.made.changed[address] = words_that_differ(*sides)
            change = {"actions": actions, **side("before", sides[0]), **side("after", sides[1])}
            resources.append({"address": address, "type": "null_x", "name": address.split(".")[1], "change": change})
        return {"format_version": "1.2", "resource_changes": resources}


def words_that_differ(before: Any, after: Any) -> set[str]:
    """The values that only one side has and that may be shown. Those beside a secret on either side count as secret."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {word for key in before | after for word in words_that_differ(before.get(key), after.get(key))}
    if after is None or before is None or not (holds_secret(before) or holds_secret(after)):
        return words_in(before) ^ words_in(after)
    return set()


def holds_secret(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, Secret) or any(map(holds_secret, items))


def words_in(value: Any) -> set[str]:
    """The words and numbers in a value that a test can search for."""
    match value:
        case Secret() | Late() | bool() | None:
            return set()
        case dict() | list():
            items = value.values() if isinstance(value, dict) else value
            return {word for item in items for word in words_in(item)}
        case str():
            return set(re.findall(r"w\d+q\d+z", readable(value)))
        case _:
            return {json.dumps(value).removesuffix(".0")}


def readable(text: str) -> str:
    """The decoded text."""
    try:
        content = base64.b64decode(text, validate=True)
        return (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()
    except ValueError:
        return text


def side(name: str, value: Any) -> dict[str, Any]:
    """One side of a change, with its marks beside it as Terraform writes them."""
    sides = {name: plain(value), f"{name}_sensitive": marks(value, Secret)}
    if name == "after":
        sides["after_unknown"] = marks(value, Late)
    return sides


def plain(value: Any) -> Any:
    match value:
        case Secret():
            return value.value
        case Late():
            return None
        case dict():
            return {key: plain(item) for key, item in value.items() if not isinstance(item, Late)}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def marks(value: Any, kind: type) -> Any:
    match value:
        case dict():
            return {key: marked for key, item in value.items() if (marked := marks(item, kind)) is not False}
        case list():
            return [marks(item, kind) for item in value]
        case _:
            return isinstance(value, kind)


def reported(maker: Maker) -> RunReport:
    plan = read_plan(json.dumps(maker.plan()).encode())
    mask = Mask.of(maker.made.vault)
    return run(report_plan(plan, root_module=".", environment="testing", workspace="default", mask=mask))


def text_of_html(report: RunReport) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", render_html(report)))


def texts_of_json(report: RunReport) -> str:
    texts: list[str] = []
    waiting: list[Any] = [json.loads(render_json(report))]
    while waiting:
        match waiting.pop():
            case dict() as items:
                waiting.extend(items.values())
            case list() as items:
                waiting.extend(items)
            case str() as text:
                texts.append(text)
            case _:
                pass
    return "\n".join(texts)


def parts_of(address: str, markdown: str) -> list[str]:
    """The lines and folds of one resource."""
    blocks = re.findall(
        r"<details[^\n]*\n.*?\n</details>|^- [^\n]*|^\*\*Left out[^\n]*", markdown, re.DOTALL | re.MULTILINE
    )
    return [block for block in blocks if address in block or "Left out here" in block]


seeds = st.integers(0, 2**48)  # for plans: shrinking a plan that is drawn value by value takes minutes
slow = settings(max_examples=examples(60))


@slow
@given(seeds)
def test_each_change_of_a_plan_is_found_again_in_its_report(seed: int) -> None:
    maker = Maker(random.Random(seed))
    report = reported(maker)
    in_html, in_json = text_of_html(report), texts_of_json(report)
    for limit_bytes in (65_535, 3_000):
        output = render_check_run(report, limit_bytes=limit_bytes)
        markdown = f"{output.summary}\n{output.text}"
        for address, changed in maker.made.changed.items():
            assert {value for value in changed if value not in in_html} == set()
            assert {value for value in changed if value not in in_json} == set()
            missing = {value for value in changed if value not in markdown}
            assert not missing or any(IS_CUT.search(part) for part in parts_of(address, markdown)), missing


@slow
@given(seeds)
def test_no_secret_of_a_plan_is_found_in_its_report(seed: int) -> None:
    maker = Maker(random.Random(seed))
    report = reported(maker)
    output = render_check_run(report)
    forms = [output.summary, output.text or "", render_markdown(report), text_of_html(report), texts_of_json(report)]
    forms += [render_text(report), repr(report)]
    for form in forms:
        assert {secret for secret in maker.made.secrets | maker.made.vault if secret in form} == set()
