"""Module sources that are git repositories on one host, in every notation that Terraform accepts.

https://developer.hashicorp.com/terraform/language/modules/sources
"""

import re
from typing import Final

_SOURCE: Final = re.compile(
    r"(?:git::)?(?:(?:https?|ssh|git)://)?(?:[\w.+-]{1,100}+(?::[^@/]{1,200}+)?@)?+"
    r"([\w.-]{1,253}+(?::\d{1,5}+)?)[:/]([\w.-]{1,100}+)/([\w.-]{1,100}+)(?://|\?|/?$)"
)


def repository_of(source: str, host: str) -> str | None:
    """`OWNER/NAME` of a source that is a git repository on `host` (HOST or HOST:PORT); None for any other source."""
    found = _SOURCE.match(source)
    if found is None or found[1].casefold() not in (host.casefold(), f"{host.casefold()}:22"):
        return None
    return f"{found[2]}/{found[3].removesuffix('.git')}"
