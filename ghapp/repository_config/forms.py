"""The kinds of value that a key of the config can have: how each is read, and how the JSON Schema puts it.

A `Key` says everything about one key, a `Section` which keys a mapping has. What is declared with them in `keys` is
what the reader takes, what `planward config schema` prints and what docs/configuration.md lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, cast

from ghapp.repository_config import words
from ghapp.repository_config.document import Value

Schema = dict[str, Any]
Entries = Mapping[str, Value]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Word = TypeVar("Word", bound=str)


class Form(Protocol[T_co]):
    """One kind of value."""

    def read(self, value: Value) -> T_co | None:
        """Give what the file says; None after a complaint."""
        ...

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Generic[T]):
    """One key: `meaning` is for people, `since` the first version that implements it.

    `default` holds where the file does not have the key; None stands for a default that depends on something else,
    which `meaning` then says.
    """

    name: str
    form: Form[T]
    meaning: str
    default: T
    required: bool = False
    since: str = "0.1.0"

    def of(self, entries: Entries) -> T:
        """Give what a mapping has under this key, and the default where it has nothing that can be used."""
        value = entries.get(self.name)
        found = None if value is None else self.form.read(value)
        return self.default if found is None else found

    def schema(self) -> Schema:
        """Put it as a property in JSON Schema."""
        default = list(self.default) if isinstance(self.default, tuple) else self.default
        shown = {} if default is None else {"default": default}
        return {**self.form.schema(), **shown, "description": self.meaning}


@dataclass(frozen=True, slots=True)
class Text:
    """A text of one form. The pattern is the schema's; `check` finds the same faults, and says the way out."""

    pattern: str
    check: words.Check
    wanted: str = "a text"

    def read(self, value: Value) -> str | None:
        """Give the text, if it passes the check."""
        text = value.text(self.wanted)
        if text is None:
            return None
        wrong = self.check(text)
        if wrong:
            value.refuse(wrong)
            return None
        return text

    def also(self, check: words.Check) -> "Text":
        """Give the form with a further check, which depends on where the text stands."""
        return replace(self, check=lambda text: self.check(text) or check(text))

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class NullableText:
    """A text, or `null` to turn the default off. Whoever reads it distinguishes the two."""

    text: Text

    def read(self, value: Value) -> Value | None:
        """Give the value as it stands."""
        return value

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {**self.text.schema(), "type": ["string", "null"]}


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts, each once."""

    member: Text

    def read(self, value: Value) -> tuple[str, ...] | None:
        """Give the texts that pass the check."""
        members = value.list("a list of texts")
        if members is None:
            return None
        texts: list[str] = []
        for member in members:
            text = self.member.read(member)
            if text is not None and text in texts:
                member.refuse(f'is there twice: "{text}"; keep one of them')
            elif text is not None:
                texts.append(text)
        return tuple(texts)

    def also(self, check: words.Check) -> "Texts":
        """Give the form with a further check on each text."""
        return Texts(self.member.also(check))

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "array", "items": self.member.schema(), "uniqueItems": True}


@dataclass(frozen=True, slots=True)
class Choice(Generic[Word]):
    """One of these words; `later` are the words that this version does not implement."""

    words: tuple[Word, ...]
    later: tuple[str, ...] = ()

    def read(self, value: Value) -> Word | None:
        """Give the word."""
        return cast(Word | None, value.choice(self.words, self.later))

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Choices(Generic[Word]):
    """A list of these words, each once."""

    choice: Choice[Word]

    def read(self, value: Value) -> tuple[Word, ...] | None:
        """Give the words."""
        members = value.list(f"a list of {', '.join(self.choice.words)}")
        if members is None:
            return None
        found: list[Word] = []
        for member in members:
            word = self.choice.read(member)
            if word is not None and word in found:
                member.refuse(f'is there twice: "{word}"; keep one of them')
            elif word is not None:
                found.append(word)
        return tuple(found)

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "array", "items": self.choice.schema(), "uniqueItems": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A whole number between two others."""

    least: int
    most: int

    def read(self, value: Value) -> int | None:
        """Give the number."""
        return value.whole_number(self.least, self.most)

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    def read(self, value: Value) -> bool | None:
        """Give which of them."""
        return value.boolean()

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with these keys.

    `elsewhere` are keys that make sense in other positions alone, each with the reason; `later` are keys that this
    version of Planward does not implement: they are refused by name, never ignored.
    """

    wanted: str
    keys: tuple[Key[Any], ...]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    nullable: bool = False
    """`null` stands for a mapping without keys."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.name for key in self.keys)

    def read(self, value: Value) -> Entries | None:
        """Give the entries that have a place here."""
        if self.nullable and value.is_null:
            return {}
        entries = value.mapping(self.wanted, self.names, elsewhere=self.elsewhere, later=self.later)
        for key in self.keys:
            if entries is not None and key.required and key.name not in entries:
                value.refuse(f"{key.name} is missing")
        return entries

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        schema: Schema = {
            "type": ["object", "null"] if self.nullable else "object",
            "properties": {key.name: key.schema() for key in self.keys},
            "additionalProperties": False,
        }
        required = [key.name for key in self.keys if key.required]
        return {**schema, "required": required} if required else schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """A list of mappings that all have the same keys."""

    section: Section
    wanted: str = "a list"

    def read(self, value: Value) -> tuple[Value, ...] | None:
        """Give the members as they stand."""
        return value.list(self.wanted)

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "array", "items": self.section.schema()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A mapping from names that people choose to mappings with the same keys; `special` names have other keys."""

    pattern: str
    wanted: str
    section: Section
    meaning: str
    special: Mapping[str, tuple[Section, str]] = field(default_factory=dict)

    def read(self, value: Value) -> Entries | None:
        """Give the entries as they stand."""
        return value.mapping(self.wanted)

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        special = {
            name: {**section.schema(), "description": meaning} for name, (section, meaning) in self.special.items()
        }
        return {
            "type": "object",
            **({"properties": special} if special else {}),
            "additionalProperties": {**self.section.schema(), "description": self.meaning},
            "propertyNames": {"pattern": self.pattern},
        }


@dataclass(frozen=True, slots=True)
class Renames:
    """A mapping from names to other names."""

    member: Text
    wanted: str

    def read(self, value: Value) -> Entries | None:
        """Give the entries as they stand."""
        return value.mapping(self.wanted)

    def schema(self) -> Schema:
        """Put it as JSON Schema."""
        return {"type": "object", "additionalProperties": self.member.schema()}
