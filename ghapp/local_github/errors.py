"""The errors with which the local GitHub answers.

ApiError            a status, and the JSON that GitHub sends with it
├── Unprocessable   422, with the invalid fields
└── Moved           301, for a repository that was renamed or transferred
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DOCUMENTATION_URL = "https://docs.github.com/rest"


class ApiError(Exception):
    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Any] = (),
        documentation_url: str = DOCUMENTATION_URL,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.documentation_url = documentation_url
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message}
        if self.errors:
            body["errors"] = self.errors
        return {**body, "documentation_url": self.documentation_url, "status": str(self.status)}


class Unprocessable(ApiError):
    """422, usually "Validation Failed". Each error is a text, or an object with resource, field, code and message.

    Some objects have no field or no message, as at GitHub.
    """

    def __init__(self, *errors: dict[str, Any] | str, message: str = "Validation Failed") -> None:
        super().__init__(422, message, errors=errors)


class Moved(ApiError):
    def __init__(self, url: str) -> None:
        super().__init__(301, "Moved Permanently", headers={"Location": url})
        self.url = url

    def body(self) -> dict[str, Any]:
        return {**super().body(), "url": self.url}


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def not_accessible() -> ApiError:
    return ApiError(403, "Resource not accessible by integration")


def field_error(resource: str, field: str, code: str, message: str | None = None) -> dict[str, Any]:
    error = {"resource": resource, "field": field, "code": code}
    return error if message is None else {**error, "message": message}
