"""Answer `ls-refs`, the first command of each fetch, without starting git.

https://git-scm.com/docs/protocol-v2#_ls_refs
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ghapp.local_github.git import BareRepository

_FLUSH = "0000"
_DELIMITER = "0001"
_CAPABILITIES = ("agent=", "session-id=", "object-format=sha1")
_PREFIX = "ref-prefix "


def list_refs(repository: BareRepository, request: bytes) -> bytes | None:
    """Return what `git upload-pack` answers to `ls-refs`; None if only git can answer."""
    try:
        command, *lines, end = _read_lines(request)
    except ValueError:
        return None
    split = lines.index(_DELIMITER) if _DELIMITER in lines else len(lines)
    capabilities, arguments = lines[:split], lines[split + 1 :]
    options = {each for each in arguments if not each.startswith(_PREFIX)}
    is_known = options <= {"peel", "symrefs", "unborn"} and all(each.startswith(_CAPABILITIES) for each in capabilities)
    if (command, end) != ("command=ls-refs", _FLUSH) or not is_known:
        return None
    found = repository.refs_with_head()
    if found is None:
        return None
    head, refs = found
    prefixes = [each.removeprefix(_PREFIX) for each in arguments if each.startswith(_PREFIX)]
    listed = [f"{sha} {name}" for name, sha in refs.items() if _is_wanted(name, prefixes)]
    if _is_wanted("HEAD", prefixes):
        target = f" symref-target:{head}" if "symrefs" in options else ""
        if head in refs:
            listed.insert(0, f"{refs[head]} HEAD{target}")
        elif {"symrefs", "unborn"} <= options:
            listed.insert(0, f"unborn HEAD{target}")
    return "".join(f"{len(line) + 5:04x}{line}\n" for line in listed).encode() + _FLUSH.encode()


def _is_wanted(name: str, prefixes: Sequence[str]) -> bool:
    return not prefixes or name.startswith(tuple(prefixes))


def _read_lines(request: bytes) -> Iterator[str]:
    """The lines of a request; "0000" is a flush packet, "0001" a delimiter. Raises ValueError on unknown packets."""
    text, at = request.decode("ascii"), 0
    while at < len(text):
        length = text[at : at + 4]
        size = 4 if length in (_FLUSH, _DELIMITER) else int(length, 16)
        if size < 4 or at + size > len(text) or (size == 4 and length not in (_FLUSH, _DELIMITER)):
            raise ValueError(length)
        yield length if size == 4 else text[at + 4 : at + size].removesuffix("\n")
        at += size
