"""The paths that a configuration file names: what `file()` and its like read, and whatever stands below `path.module`.

It looks at the text and not at its grammar: comments count too, since a path too many costs a plan and one too few
hides a change. https://developer.hashicorp.com/terraform/language/functions/file
"""

import posixpath
import re
from collections.abc import Iterator

from checks.configuration.file_facts import Reference

_MATTERS = re.compile(rb'path\.(?:module|root|cwd)|\bfile\w*\s*\(|\btemplatefile\s*\(|"\.\.?/')
_NAME_ONLY = re.compile(r"\bbasename\(\s*(?:abspath\(\s*)?(?:path\.\w+|\"\$\{\s*path\.\w+\s*\}\")")
_BELOW = re.compile(r"\$\{\s*path\.(module|root|cwd)\s*\}((?:\$\{|%\{|[^\s\"'`;,|&()<>])*)")
_BARE = re.compile(r"\bpath\.(module|root)\b(?!\s*\})")
_FILESET = re.compile(
    r'\bfileset\(\s*(?:path\.(module|root|cwd)|"\$\{\s*path\.(module|root|cwd)\s*\}([^"$\n]*)")\s*,\s*"([^"\n]*)"'
)
_CALL = re.compile(
    r'\b(?:file(?:exists|set|base64|md5|sha1|sha256|sha512|base64sha256|base64sha512)?|templatefile)\(\s*("[^"\n]*|[^\s")]?)'
)
_NOT_CALLED = re.compile(r'"[/~]|"\$\{\s*path\.|path\.')
_DOTTED = re.compile(r'"(\.\.?/[^"\n]*)"')
_UNKNOWN_FROM = re.compile(r"\$\{|%\{|[*?\[{]")


def find_references(content: bytes) -> tuple[Reference, ...]:
    """Every path that the text names, each once, in a fixed order; absolute ones and those in a home are left out."""
    if not _MATTERS.search(content):
        return ()
    text = _NAME_ONLY.sub("basename(", content.decode("utf-8", "replace").replace('\\"', '"'))
    found = set(_fileset(text))
    text = _FILESET.sub("", text)
    found |= {_reference(m[2], from_root=m[1] != "module") for m in _BELOW.finditer(text)}
    found |= {Reference(path="", from_root=m[1] == "root", prefix=True) for m in _BARE.finditer(text)}
    found.update(_called(text))
    for match in _DOTTED.finditer(text):
        reference = _reference(match[1], from_root=True)
        if reference.prefix or reference.path.strip("./"):
            found.add(reference)
    return tuple(sorted(found, key=lambda reference: (reference.path, reference.from_root, reference.prefix)))


def _fileset(text: str) -> Iterator[Reference]:
    for match in _FILESET.finditer(text):
        bare, quoted, tail, pattern = match.groups()
        yield _reference(f"{tail or ''}/{pattern}", from_root=(bare or quoted) != "module")


def _called(text: str) -> Iterator[Reference]:
    """Arguments of file functions, but for those that begin with `path.`, found already, and absolute ones."""
    for match in _CALL.finditer(text):
        argument = match[1]
        if _NOT_CALLED.match(text, match.start(1)):
            continue
        if argument.startswith('"') and not argument.startswith('"${'):
            yield _reference(argument[1:], from_root=True)
        else:
            yield Reference(path="", from_root=True, prefix=True)
            yield Reference(path="", from_root=False, prefix=True)


def _reference(written: str, *, from_root: bool) -> Reference:
    """The literal beginning of what is written, without a leading slash; the rest, if any, makes it a prefix."""
    unknown = _UNKNOWN_FROM.search(written)
    literal = written[: unknown.start()] if unknown else written
    path = literal.lstrip("/")
    if unknown:
        directory, _, name = path.rpartition("/")
        directory = posixpath.normpath(directory) if directory else "."
        path = name if directory == "." else posixpath.join(directory, name)
    elif path:
        path = posixpath.normpath(path)
    return Reference(path=path, from_root=from_root, prefix=bool(unknown) or not path)
