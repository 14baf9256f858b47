"""Read the operator's YAML files, which say which repositories may use something."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ghapp.errors import SettingsError


def read_patterns(setting: str, path: Path) -> dict[str, tuple[str, ...]]:
    """Read a mapping from names to lists of patterns, `NAME: [PATTERN, …]`. Upper and lower case do not matter.

    Raises SettingsError naming the setting, the file, the line and what to do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {type(error).__name__}") from None
    try:
        document: Any = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{setting}: {path}:{line}: is not YAML: {error.problem or error.context}") from None
    except (YAMLError, AssertionError, LookupError, ValueError, RecursionError):
        raise SettingsError(f"{setting}: {path}: is not YAML") from None
    if document is None:
        return {}
    if not isinstance(document, MappingNode):
        raise _wrong(setting, path, document, "must be a mapping, NAME: [PATTERN, …]")
    found: dict[str, tuple[str, ...]] = {}
    for key, value in document.value:
        name = _text(setting, path, key, "must be a name")
        if any(name.casefold() == other.casefold() for other in found):
            raise _wrong(setting, path, key, f'"{name}" occurs twice; keep one of them')
        if not isinstance(value, SequenceNode):
            raise _wrong(setting, path, value, f'"{name}" must have a list of patterns, such as [OWNER/REPO, OWNER/*]')
        found[name] = tuple(
            _text(setting, path, each, "must be OWNER/REPO, OWNER/* or a repository's id") for each in value.value
        )
    return found


def _text(setting: str, path: Path, node: Node, wanted: str) -> str:
    if not isinstance(node, ScalarNode) or not str(node.value).strip():
        raise _wrong(setting, path, node, wanted)
    return str(node.value).strip()


def _wrong(setting: str, path: Path, node: Node, message: str) -> SettingsError:
    return SettingsError(f"{setting}: {path}:{node.start_mark.line + 1}: {message}")
