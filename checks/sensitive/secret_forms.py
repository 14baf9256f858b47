"""The ways in which a secret value can appear inside another text: escaped, encoded, line by line.

The minimum length of a text that is hidden everywhere is a compromise: a secret "1" must not hide every 1 in a
report. `Reach` has the rule.
"""

import base64
import enum
import html
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

SHORTEST_ANYWHERE = 6
"""Shorter texts are hidden only where they stand alone or are the whole text."""
_ALONE_LENGTH = 4
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*")
_ESCAPED = re.compile("%[0-9A-F]{2}")
_WORDS_OF_JSON = frozenset({"true", "false", "null"})
_SECRET_KEY = re.compile(r"pass|secret|token|credential|private|(^|_|-)key|auth|dsn|connection", re.IGNORECASE)
# The characters that URL encoders leave unchanged: RFC 3986, Python's quote, Go's PathEscape and userinfo, JavaScript's
# encodeURIComponent and encodeURI.
_URL_SAFE = ("", "/", "$&+=:@", "$&+,;=", "!'()*", "!'()*;/?:@&=+$,#")
_BASE64_COLUMNS = (64, 76)
_SHORTEST_BASE64 = 6


class Reach(enum.Enum):
    """Where a text is searched for.

    ANYWHERE (6 characters or more): also inside words. ALONE (4 or 5 characters, and numbers of 6 characters or more):
    where it is not adjacent to a letter, digit or underscore. WHOLE (shorter texts and numbers, true, false, null):
    only as the whole text.
    """

    ANYWHERE = enum.auto()
    ALONE = enum.auto()
    WHOLE = enum.auto()


class SecretForm(NamedTuple):
    """One form of a secret.

    `alone`: whether it is hidden only where it stands alone. `left` and `right`: how many adjacent base64 characters
    contain some of its bits.
    """

    text: str
    alone: bool = False
    left: int = 0
    right: int = 0


def reach(text: str) -> Reach:
    """Where this text is searched for, by its length and kind."""
    if text.lower() in _WORDS_OF_JSON:
        return Reach.WHOLE
    if _NUMBER.fullmatch(text):
        return Reach.ALONE if len(text) >= SHORTEST_ANYWHERE else Reach.WHOLE
    if len(text) >= SHORTEST_ANYWHERE:
        return Reach.ANYWHERE
    return Reach.ALONE if len(text) >= _ALONE_LENGTH else Reach.WHOLE


def written_forms(value: str) -> Iterator[SecretForm]:
    """Every form of this value, of its lines, and of secrets inside it (if it is JSON)."""
    whole = value.strip()
    for part in {whole, *(line.strip() for line in whole.splitlines()), *_secrets_in_json(whole)}:
        match reach(part):
            case Reach.ANYWHERE:
                yield from _forms(part)
            case Reach.ALONE:
                yield from (SecretForm(text, alone=True) for text in {part, *_escaped(part), _base64(part)})
            case Reach.WHOLE:
                pass


def _forms(text: str) -> Iterator[SecretForm]:
    escaped = set(_escaped(text))
    yield from map(SecretForm, {text, *escaped, *_url_encoded(text), html.escape(text), html.escape(text, quote=False)})
    hexadecimal = text.encode().hex()
    yield from (SecretForm(hexadecimal), SecretForm(hexadecimal.upper()))
    for plain in {text, *(form for form in escaped if "\\" in form)}:
        yield from _embedded_base64(plain.encode())


def _escaped(text: str) -> Iterator[str]:
    """The forms of the text in a JSON or HCL string, or in a string inside that one; also with CRLF line ends.

    Go escapes <, > and &; Terraform writes "${" as "$${".
    """
    templated = text.replace("${", "$${").replace("%{", "%%{")
    for plain in {text, templated}:
        for ascii_only in (True, False):
            once = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]
            yield once
            yield _escape_like_go(once)
            yield json.dumps(once)[1:-1]
            yield json.dumps(_escape_like_go(once))[1:-1]
    yield text.replace("\r\n", "\n").replace("\n", "\r\n")


def _escape_like_go(escaped: str) -> str:
    return escaped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _url_encoded(text: str) -> Iterator[str]:
    for safe in _URL_SAFE:
        encoded = quote(text, safe=safe)
        yield encoded
        yield _ESCAPED.sub(lambda found: found[0].lower(), encoded)
    yield quote_plus(text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _embedded_base64(plain: bytes) -> Iterator[SecretForm]:
    """The forms of these bytes in base64, alone or at any offset inside longer data.

    Inside longer data, a form has only the characters that depend on no other bytes.
    """
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain).decode()
        first = -(-before * 8 // 6)
        last = (before + len(plain)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _SHORTEST_BASE64:
            left, right = int(before > 0), int((before + len(plain)) % 3 > 0)
            for text in {core, core.replace("+", "-").replace("/", "_"), quote(core, safe="")}:
                yield SecretForm(text, left=left, right=right)
    yield from map(SecretForm, _base64_lines(base64.b64encode(plain).decode()))


def _base64_lines(encoded: str) -> Iterator[str]:
    for columns in _BASE64_COLUMNS:
        if len(encoded) > columns:
            yield from (encoded[at : at + columns] for at in range(0, len(encoded) - _SHORTEST_BASE64, columns))


def _secrets_in_json(text: str) -> Iterator[str]:
    """The strings under keys that name secrets, in a JSON document (such as a cloud account's key file)."""
    if text[:1] not in ("{", "["):
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _under_secret_keys(document, secret=False)


def _under_secret_keys(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _under_secret_keys(item, secret=_SECRET_KEY.search(key) is not None)
    elif isinstance(value, list):
        for item in value:
            yield from _under_secret_keys(item, secret=secret)
    elif secret and isinstance(value, str) and not value.startswith(("http://", "https://")):
        yield from (line.strip() for line in value.splitlines())
