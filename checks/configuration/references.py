"""Find the paths that a configuration file names: arguments of `file()` and the like, and paths below `path.module`.

The whole text, including comments, is searched without being parsed. An extra path only costs a plan, but a missing
path would hide a change. https://developer.hashicorp.com/terraform/language/functions/file
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from checks.configuration.file_facts import Reference

_ENDINGS: Final = (
    "bash|cer|cfg|cjs|conf|crt|css|csv|cue|env|go|graphql|gz|html?|ini|j2|jar|jinja2?|js|json|json5|jsonc|jsonnet|key|"
    "libsonnet|lua|mjs|p12|pem|pfx|php|pkg|properties|proto|ps1|pub|py|rb|rego|repo|rpm|service|sh|sql|tar|tfpl|tftpl|"
    "tgz|tmpl|toml|tpl|ts|txt|vtl|war|wasm|whl|xml|ya?ml|zip"
)
_MATTERS = re.compile(
    rb'path\.(?:module|root|cwd)|\bfile\w*\s*\(|\btemplatefile\s*\(|"\.\.?/|\.\.(?:/|\\?")|'
    rb"\.(?:" + _ENDINGS.encode() + rb')\\?"|'
    rb'(?:dir|directory|path|file|filename|folder|source|archive|template)\\?"?\s{0,60}[=:]'
)
_NAME_ONLY = re.compile(r"\bbasename\(\s*(?:abspath\(\s*)?(?:path\.\w+|\"\$\{\s*path\.\w+\s*\}\")")
_BELOW = re.compile(r"\$\{\s*path\.(module|root|cwd)\s*\}((?:\$\{|%\{|[^\s\"'`;,|&()<>])*)")
_BARE = re.compile(r"\bpath\.(module|root|cwd)\b(?!\s*\})")
_FILESET = re.compile(
    r'\bfileset\(\s*(?:path\.(module|root|cwd)|"\$\{\s*path\.(module|root|cwd)\s*\}([^"$\n]*)")\s*,\s*"([^"\n]*)"'
)
_CALL = re.compile(
    r"\b(?:file(?:exists|set|base64|md5|sha1|sha256|sha512|base64sha256|base64sha512)?|templatefile)"
    r'\(\s*("[^"\n]*|[^\s")]{0,100})'
)
_SKIPPED_ARGUMENT = re.compile(r'"[/~]|"\$\{\s*path\.|path\.')
_FORMAT = re.compile(r'format\(\s{0,20}"([^"\n]*)"\s{0,20},?\s{0,20}("\$\{\s{0,20}path\.|path\.)?')
_JOIN = re.compile(r'join\(\s{0,20}"/"\s{0,20},\s{0,20}\[?\s{0,20}(?:("\$\{\s{0,20}path\.|path\.)|"([^"$%\n]+)")?')
_LOCAL = re.compile(r"local\.(\w{1,100})")
_DEFINED = re.compile(r'\b(\w{1,100})"?\s{0,60}[=:]\s{0,20}"(?!\$\{\s{0,20}(?!path))')
"""A local whose value begins with literal text, or with `path.module` and the like."""
_PRODUCED = re.compile(r"(?:data|module|resource)\.|[a-z0-9]{1,40}_\w{1,100}\.\w")
"""A value from a provider, which creates the file itself, or from a module, whose own text contains the path."""
_DOTTED = re.compile(r'"(\.\.?/[^"\n]*)"')
_SOURCE = re.compile(r'\bsource"?\s{0,20}[=:]\s{0,20}"[./]*"')
_ASCENDING = re.compile(r'(?<=[/"])\.\.(?=[/"])')
_ONLY_UP = re.compile(r'"[./]+"')
_FROM_KNOWN = re.compile(r"\.\.?/|\$\{\s*path\.\w+\s*\}/")
_DIRECTORY_OF = re.compile(r'\bdirname\(\s*(?:abspath\(\s*)?(?:"\$\{\s*)?path\.')
_WITH_ENDING = re.compile(rf'"([\w@+-][\w./@+-]*\.(?:{_ENDINGS}))"')
_ASSIGNED = re.compile(
    r'(?:dir|directory|path|file|filename|folder|source|archive|template)"?\s{0,60}[=:]\s{0,20}"([\w@+-][\w./@+-]*)"'
)
_UNKNOWN_FROM = re.compile(r"\$\{|[%*?\[{]")

_LONGEST: Final = 500

_OF_MODULE: Final = Reference(path="", from_root=False, prefix=True)
_OF_ROOT: Final = Reference(path="", from_root=True, prefix=True)
_ANYWHERE: Final = Reference(path="", from_root=True, prefix=True, anywhere=True)


def find_references(content: bytes) -> tuple[Reference, ...]:
    """Every path in the text, each once, in a fixed order; without absolute paths and those in a home directory."""
    if not _MATTERS.search(content):
        return ()
    text = _NAME_ONLY.sub("basename(", content.decode("utf-8", "replace").replace('\\"', '"'))
    found = set(_fileset(text))
    text = _FILESET.sub("", text)
    found |= {_reference(m[2], from_root=m[1] != "module") for m in _BELOW.finditer(text)}
    found |= {_OF_MODULE if m[1] == "module" else _OF_ROOT for m in _BARE.finditer(text)}
    found.update(_file_arguments(text))
    text = _SOURCE.sub("", text)
    for match in _DOTTED.finditer(text):
        reference = _reference(match[1], from_root=True)
        if reference.prefix or reference.path.strip("./"):
            found.add(reference)
    found |= {_reference(m[1], from_root=True) for each in (_WITH_ENDING, _ASSIGNED) for m in each.finditer(text)}
    if _ascends_from_unknown(text):
        found.add(_ANYWHERE)
    return tuple(sorted(found, key=lambda each: (each.path, each.from_root, each.prefix, each.anywhere)))


def _fileset(text: str) -> Iterator[Reference]:
    for match in _FILESET.finditer(text):
        bare, quoted, tail, pattern = match.groups()
        yield _reference(f"{tail or ''}/{pattern}", from_root=(bare or quoted) != "module")


def _file_arguments(text: str) -> Iterator[Reference]:
    """Arguments of file functions, except absolute paths. Those with `path.module` and the like are found elsewhere."""
    for match in _CALL.finditer(text):
        argument = match[1]
        if _SKIPPED_ARGUMENT.match(text, match.start(1)):
            continue
        if argument.startswith('"') and not argument.startswith('"${'):
            yield _reference(argument[1:], from_root=True)
        else:
            yield from _possible_paths(argument.removeprefix('"${').lstrip(), text, match.start(1))


def _possible_paths(argument: str, text: str, at: int) -> Iterator[Reference]:
    """The possible paths of a computed argument, as far as its beginning is known."""
    formatted, joined, local = _FORMAT.match(text, at), _JOIN.match(text, at), _LOCAL.match(argument)
    if formatted is not None and (formatted[2] or not formatted[1].startswith(("%", "$"))):
        if not formatted[2] and not formatted[1].startswith(("/", "~")):
            yield _reference(formatted[1], from_root=True)
    elif joined is not None and (joined[1] or joined[2]):
        if not joined[1] and not joined[2].startswith(("/", "~")):
            yield _reference(f"{joined[2]}/*", from_root=True)
    elif _PRODUCED.match(argument) or (argument.startswith("each.") and "fileset(" in text):
        yield from (_OF_MODULE, _OF_ROOT)
    elif local is not None and any(each[1] == local[1] for each in _DEFINED.finditer(text)):
        yield from (_OF_MODULE, _OF_ROOT)  # the local's own text is found at its definition
    else:
        yield from (_OF_MODULE, _ANYWHERE)


def _ascends_from_unknown(text: str) -> bool:
    """Whether a path goes up from an unknown place: `"%s/../x"`, `"${var.a}/.."`, `"..", "x"`."""
    if _DIRECTORY_OF.search(text):
        return True
    for match in _ASCENDING.finditer(text):
        quote = text.rfind('"', max(match.start() - _LONGEST, 0), match.start())
        if quote == -1 or "\n" in text[quote : match.start()]:
            continue  # not in quotes: part of a script that Terraform passes on
        known = _FROM_KNOWN.match(text, quote + 1)
        if known is None or _ONLY_UP.match(text, quote) or _UNKNOWN_FROM.search(text, known.end(), match.start()):
            return True
    return False


def _reference(written: str, *, from_root: bool) -> Reference:
    """A reference to the literal beginning of the path, without a leading slash; a prefix if anything follows."""
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
