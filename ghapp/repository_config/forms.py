"""The kinds of value that a config key can have: how each is read, and its JSON Schema.

A `Key` describes one key, a `Section` the keys of a mapping. The declarations in `keys` define what the reader
accepts, what `planward config schema` prints and what docs/configuration.md lists.
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
        """Return the value; None after a complaint."""
        ...

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Generic[T]):
    """One key. `meaning` is for people, `since` is the first version that implements the key.

    `default` is used if the file does not have the key. None means that there is no fixed default: the key is required,
    or `meaning` says what happens without it.
    """

    name: str
    form: Form[T]
    meaning: str
    default: T
    required: bool = False
    since: str = "0.1.0"

    def of(self, entries: Entries) -> T:
        """Return the value of this key in a mapping, or the default if there is no valid one."""
        value = entries.get(self.name)
        found = None if value is None else self.form.read(value)
        return self.default if found is None else found

    def schema(self) -> Schema:
        """Return its JSON Schema as a property."""
        default = list(self.default) if isinstance(self.default, tuple) else self.default
        shown = {} if default is None else {"default": default}
        return {**self.form.schema(), **shown, "description": self.meaning}


@dataclass(frozen=True, slots=True)
class Text:
    """A string in one format. The schema uses `pattern`; the reader uses `check`, which also says what to do."""

    pattern: str
    check: words.Check
    wanted: str = "a string"

    def read(self, value: Value) -> str | None:
        """Return the string if it passes the check."""
        text = value.text(self.wanted)
        if text is None:
            return None
        wrong = self.check(text)
        if wrong:
            value.refuse(wrong)
            return None
        return text

    def also(self, check: words.Check) -> "Text":
        """Return the form with a further check, which depends on where in the config the string is."""
        return replace(self, check=lambda text: self.check(text) or check(text))

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class NullableText:
    """A string, or `null` to turn the default off. The caller distinguishes the two."""

    text: Text

    def read(self, value: Value) -> Value | None:
        """Return the value unchanged."""
        return value

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {**self.text.schema(), "type": ["string", "null"]}


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of strings, each once."""

    member: Text

    def read(self, value: Value) -> tuple[str, ...] | None:
        """Return the strings that pass the check."""
        members = value.list("a list of strings")
        if members is None:
            return None
        texts: list[str] = []
        for member in members:
            text = self.member.read(member)
            if text is not None and text in texts:
                member.refuse(f'occurs twice: "{text}"; keep one of them')
            elif text is not None:
                texts.append(text)
        return tuple(texts)

    def also(self, check: words.Check) -> "Texts":
        """Return the form with a further check on each string."""
        return Texts(self.member.also(check))

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "array", "items": self.member.schema(), "uniqueItems": True}


@dataclass(frozen=True, slots=True)
class Choice(Generic[Word]):
    """One of these words. The words in `later` are not implemented in this version."""

    words: tuple[Word, ...]
    later: tuple[str, ...] = ()

    def read(self, value: Value) -> Word | None:
        """Return the word."""
        return cast(Word | None, value.choice(self.words, self.later))

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Choices(Generic[Word]):
    """A list of these words, each once."""

    choice: Choice[Word]

    def read(self, value: Value) -> tuple[Word, ...] | None:
        """Return the words."""
        members = value.list(f"a list of {', '.join(self.choice.words)}")
        if members is None:
            return None
        found: list[Word] = []
        for member in members:
            word = self.choice.read(member)
            if word is not None and word in found:
                member.refuse(f'occurs twice: "{word}"; keep one of them')
            elif word is not None:
                found.append(word)
        return tuple(found)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "array", "items": self.choice.schema(), "uniqueItems": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """An integer from `least` to `most`."""

    least: int
    most: int

    def read(self, value: Value) -> int | None:
        """Return the number."""
        return value.whole_number(self.least, self.most)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    def read(self, value: Value) -> bool | None:
        """Return the value."""
        return value.boolean()

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with these keys.

    `elsewhere` are keys that are valid only in other sections, each with the reason. `later` are keys that this version
    of Planward does not implement: a config that has one is refused.
    """

    wanted: str
    keys: tuple[Key[Any], ...]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    nullable: bool = False
    """Whether `null` means a mapping without keys."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.name for key in self.keys)

    def read(self, value: Value) -> Entries | None:
        """Return the entries with known keys."""
        if self.nullable and value.is_null:
            return {}
        entries = value.mapping(self.wanted, self.names, elsewhere=self.elsewhere, later=self.later)
        for key in self.keys:
            if entries is not None and key.required and key.name not in entries:
                value.refuse(f"{key.name} is missing")
        return entries

    def schema(self) -> Schema:
        """Return its JSON Schema."""
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
        """Return the members unchanged."""
        return value.list(self.wanted)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "array", "items": self.section.schema()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A mapping from user-chosen names to mappings with the same keys; `special` names have other keys."""

    pattern: str
    wanted: str
    section: Section
    meaning: str
    special: Mapping[str, tuple[Section, str]] = field(default_factory=dict)

    def read(self, value: Value) -> Entries | None:
        """Return the entries unchanged."""
        return value.mapping(self.wanted)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
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
        """Return the entries unchanged."""
        return value.mapping(self.wanted)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "object", "additionalProperties": self.member.schema()}
