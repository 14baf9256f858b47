"""Read a request's body as GitHub does: one 422 lists all its errors."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from ghapp.local_github.errors import Unprocessable, field_error
from ghapp.local_github.state import JSON

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "array": list,
    "object": dict,
}


class Fields:
    """A JSON object whose fields are read one by one. `raise_errors` raises 422 with the errors of all of them."""

    def __init__(self, body: JSON, resource: str) -> None:
        self._body = body
        self._resource = resource
        self._errors: list[JSON | str] = []

    def has(self, name: str) -> bool:
        return name in self._body

    def add_error(self, name: str, code: str, message: str | None = None) -> None:
        self._errors.append(field_error(self._resource, name, code, message))

    def raise_errors(self) -> None:
        if self._errors:
            raise Unprocessable(*self._errors)

    def text(self, name: str, *, required: bool = False, longest: int | None = None) -> str | None:
        value = self._value(name, "string", required=required)
        if required and value == "":
            self.add_error(name, "missing_field")
        if longest is not None and value is not None and len(value) > longest:
            self.add_error(name, "custom", f"{name} is too long (maximum is {longest} characters)")
        return None if value is None else str(value)

    def choice(self, name: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        value = self.text(name, required=required)
        if value is not None and value not in allowed:
            self.add_error(name, "invalid", f"{name} is not one of {', '.join(allowed)}: {value}")
            return None
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._value(name, "boolean", required=False)
        return default if value is None else bool(value)

    def number(self, name: str, *, required: bool = False) -> int | None:
        value = self._value(name, "integer", required=required)
        return None if value is None else int(value)

    def items(self, name: str, *, most: int | None = None) -> list[Any] | None:
        value: list[Any] | None = self._value(name, "array", required=False)
        if most is not None and value is not None and len(value) > most:
            self.add_error(name, "invalid", f"{name} exceeds a maximum quantity of {most}")
        return value

    def mapping(self, name: str) -> JSON | None:
        value: JSON | None = self._value(name, "object", required=False)
        return value

    def date_time(self, name: str) -> datetime | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.add_error(name, "invalid", f"{name} is not a valid date-time")
            return None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _value(self, name: str, kind: str, *, required: bool) -> Any:
        value = self._body.get(name)
        if value is None:
            if required:
                self.add_error(name, "missing_field")
            return None
        if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
            self.add_error(name, "invalid", f"{name} is not of type `{kind}`")
            return None
        return value
