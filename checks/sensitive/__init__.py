"""Mask the secrets in a text before anything else sees it.

One search over the text finds all secrets in all their forms, and each place where a well-known credential may begin.
Secrets and credentials are replaced by "(sensitive)".
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from decimal import Decimal
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from checks.plain_text import number_text
from checks.sensitive.credential_forms import FORMS, CredentialForm, Finder
from checks.sensitive.encoded import decode, encoded_parts
from checks.sensitive.secret_forms import SHORTEST_ANYWHERE as SHORTEST_ANYWHERE
from checks.sensitive.secret_forms import Reach, SecretForm, reach, written_forms

REPLACEMENT = "(sensitive)"
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_SHORT, _MOST_KNOWN = 128, 20_000  # short texts repeat often: names, addresses, regions
_DEEPEST_ENCODING = 2
_PAD = "\n"  # around the searched text, so that each match has a character on both sides
_INSTANCE_KEY = re.compile(r'\["((?:[^"\\]|\\.)*)"\]')
_NAME = re.compile(r"[\w-]+")

Span = tuple[int, int]


class Mask:
    """Hides secrets in a text, and everything that has the form of a well-known credential.

    It finds a value in these forms: as it is, escaped, URL-encoded, in hexadecimal, and in base64 (also inside a longer
    encoded text). It also finds each line of a value.
    Short values are hidden only where they stand alone or are the whole text: see `secret_forms.Reach`.
    Names in the code are not secrets, so words that are such names stay. Printing a mask shows none of its values, and
    pickling it raises TypeError.
    """

    __slots__ = ("_finds", "_known", "_names", "_search", "_values", "_whole", "_written", "longest", "of_lines")

    def __init__(
        self,
        values: frozenset[str],
        names: frozenset[str] = frozenset(),
        written: Mapping[str, tuple[SecretForm, ...]] = MappingProxyType({}),
    ) -> None:
        self._written = {value: written.get(value) or tuple(written_forms(value)) for value in values}
        forms: dict[str, list[SecretForm | CredentialForm]] = {}
        for form in FORMS:
            for anchor in form.anchors:
                forms.setdefault(anchor, []).append(form)
        for each in self._written.values():
            for way in each:
                known = forms.setdefault(way.text, [])
                if way not in known:
                    known.append(way)
        self._finds = list(forms.values())
        self._search = AhoCorasick(forms, matchkind=MatchKind.Standard, implementation=Implementation.ContiguousNFA)
        self._known: dict[str, str] = {}
        self._values = values
        self._names = names
        self._whole = frozenset(value.strip() for value in values)
        self.longest = max(map(len, forms))
        self.of_lines = tuple({lines for value in values if len(lines := _lines_of(value)) > 1})

    @classmethod
    def of(cls, values: Iterable[str]) -> "Mask":
        """A mask that hides these values. Values of only white space are left out."""
        return cls(frozenset(encodable(value) for value in values if value.strip()))

    @classmethod
    def none(cls) -> "Mask":
        """A mask without values, only for well-known credentials."""
        return _NONE

    def also(self, values: Iterable[str]) -> "Mask":
        """A mask that hides these values, too."""
        more = frozenset(encodable(value) for value in values if value.strip()) | self._values
        return self if more == self._values else Mask(more, self._names, self._written)

    def but_names(self, addresses: Iterable[str]) -> "Mask":
        """A mask that does not hide the words of these addresses and paths; instance keys are not names.

        A value equal to such a word is still hidden if it is the whole text.
        """
        if not self._values:
            return self
        names = {name for each in set(addresses) for name in _NAME.findall(_INSTANCE_KEY.sub("", each))}
        if names <= self._names:
            return self
        other = copy(self)  # it shares the search, which is slow to build
        other._known, other._names = {}, self._names | names
        return other

    def __copy__(self) -> "Mask":
        other = Mask.__new__(Mask)
        for slot in Mask.__slots__:
            setattr(other, slot, getattr(self, slot))
        return other

    @property
    def unmaskable(self) -> frozenset[str]:
        """The values that cannot be hidden inside a text, since they are also names in the code."""
        return self._whole & self._names

    def address(self, address: str) -> str:
        """An address with the secrets in its instance keys masked. All its other parts are names in the code."""
        return _INSTANCE_KEY.sub(lambda key: f'["{self.text(key[1])}"]', address) if '["' in address else address

    def text(self, text: str) -> str:
        """The text with all secrets replaced by "(sensitive)"."""
        known = self._known.get(text)
        if known is None:
            known = self._masked(encodable(text))
            if len(text) <= _SHORT and len(self._known) < _MOST_KNOWN:
                self._known[text] = known
        return known

    def _masked(self, text: str, *, depth: int = 0) -> str:
        hidden = self.hide_whole(text)
        if hidden != text:
            return hidden
        spans = [*self.spans(text), *self._encoded_spans(text, depth)]
        return hide(text, list(_merged(sorted(spans)))) if spans else text

    def _encoded_spans(self, text: str, depth: int) -> Iterator[Span]:
        """The parts that decode from base64 to a text with secrets, even if encoded twice."""
        if depth == _DEEPEST_ENCODING:
            return
        for start, end in encoded_parts(text):
            decoded = decode(text[start:end])
            if decoded is not None and self._masked(decoded.text, depth=depth + 1) != decoded.text:
                yield start, end

    def value(self, value: Any) -> Any:
        """A JSON value with all its strings masked, including keys, and secret numbers of six characters or more."""
        match value:
            case str():
                return self.text(value)
            case bool() | None:
                return value
            case int() | float() | Decimal():
                number = number_text(value)
                return REPLACEMENT if reach(number) is not Reach.WHOLE and number in self._whole else value
            case dict():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case _:
                return value

    def spans(self, text: str) -> list[Span]:
        """The secret parts of the text as (start, end), in order and without overlaps."""
        padded = f"{_PAD}{text}{_PAD}"
        found = self._search.find_matches_as_indexes(padded, overlapping=True)
        return list(_merged(sorted(self._secret_spans(padded, found)))) if found else []

    def hide_whole(self, text: str) -> str:
        """Hide the whole text if, without surrounding white space, it is one of the values, however short."""
        stripped = text.strip()
        return text.replace(stripped, REPLACEMENT, 1) if stripped in self._whole else text

    def _secret_spans(self, padded: str, found: Iterable[tuple[int, int, int]]) -> Iterator[Span]:
        last = len(padded) - 1
        # A part that was hidden as a credential is not searched for the same form again: that would take too long.
        hidden_to: dict[CredentialForm, int] = {}
        finders: dict[CredentialForm, Finder] = {}
        words = [word.span() for word in _NAME.finditer(padded) if word[0] in self._names] if self._names else []
        for index, start, end in found:
            for form in self._finds[index]:
                if isinstance(form, SecretForm):
                    if (not form.alone or _stands_alone(padded, start, end)) and not _is_inside(words, start, end):
                        span = _with_shared_bits(padded, form, start, end)
                        yield max(span[0], 1) - 1, min(span[1], last) - 1
                elif start >= hidden_to.get(form, 0):
                    if form not in finders:
                        finders[form] = form.finder(padded)
                    if (found_here := finders[form](start)) is None:
                        continue
                    hidden_to[form] = found_here[1]
                    yield max(found_here[0], 1) - 1, min(found_here[1], last) - 1

    def __repr__(self) -> str:
        return "Mask()"

    def __reduce__(self) -> str:
        raise TypeError("a mask holds secrets and is not stored")


def _stands_alone(padded: str, start: int, end: int) -> bool:
    return not (_is_of_word(padded[start - 1]) or _is_of_word(padded[end]))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_inside(words: Sequence[Span], start: int, end: int) -> bool:
    """Whether a match is inside one of these words, which are in order and do not overlap."""
    at = bisect_right(words, start, key=itemgetter(0)) - 1
    return at >= 0 and end <= words[at][1]


def _with_shared_bits(padded: str, form: SecretForm, start: int, end: int) -> Span:
    start -= form.left and int(padded[start - 1] in _BASE64)
    end += form.right and int(padded[end] in _BASE64)
    return start, end


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for start, end in spans:
        if current is None or start > current[1]:
            if current is not None:
                yield current
            current = start, end
        else:
            current = current[0], max(current[1], end)
    if current is not None:
        yield current


def _lines_of(value: str) -> tuple[str, ...]:
    return tuple(value.strip().replace("\r\n", "\n").split("\n"))


def hide(text: str, spans: Sequence[Span]) -> str:
    if not spans:
        return text
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return REPLACEMENT.join([*kept, text[at:]])


def encodable(text: str) -> str:
    """The text with "?" in place of lone surrogates, which cannot be encoded in UTF-8."""
    return text if text.isascii() else text.encode(errors="replace").decode()


_NONE = Mask(frozenset())
