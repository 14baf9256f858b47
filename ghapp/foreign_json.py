"""Read JSON from outside: GitHub's payloads and answers, and the output and files of Terraform and other programs."""

import json
from typing import Any, Final, TypeVar

import msgspec

Shape = TypeVar("Shape")

_NOT_JSON: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""msgspec raises UnicodeDecodeError for bytes that are not UTF-8, and RecursionError for endless nesting."""


class UnreadableJson(ValueError):
    """The document is not JSON, or does not have the expected shape. The message quotes no value from it."""


class MisshapenJson(UnreadableJson):
    """The document is JSON of another shape. The message says what was expected, and where."""


def read_json(content: bytes | bytearray | str | msgspec.Raw, shape: type[Shape]) -> Shape:
    """Read the parts of a document that `shape` has. Raises UnreadableJson, and MisshapenJson for another shape."""
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        raise MisshapenJson(str(error)) from None
    except _NOT_JSON:
        raise UnreadableJson("not JSON") from None


def read_any_json(content: bytes | str) -> Any:
    """Read a document of any shape, with integers of any size. Raises UnreadableJson.

    Half a surrogate pair, which JSON can contain but UTF-8 cannot, becomes a question mark.
    """
    try:
        value = json.loads(content if isinstance(content, str) else content.decode())
        return _encodable(value)
    except (ValueError, RecursionError):
        raise UnreadableJson("not JSON") from None


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value if value.isascii() else value.encode(errors="replace").decode()
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case _:
            return value
