"""Repositories as a few lines of text: paths with their contents."""

from collections.abc import Mapping, Sequence

from checks.configuration import Configuration, discover, read_file

S3 = 'terraform {{\n  backend "s3" {{\n    bucket = "acme"\n    key    = "{key}"\n  }}\n}}\n'


def backend(key: str) -> str:
    """A backend with this key."""
    return S3.format(key=key)


def call(source: str, name: str = "it") -> str:
    """A module call."""
    return f'module "{name}" {{\n  source = "{source}"\n}}\n'


def reads(key: str, name: str = "it") -> str:
    """A read of the state with this key."""
    config = f'config = {{\n    bucket = "acme"\n    key = "{key}"\n  }}'
    return f'data "terraform_remote_state" "{name}" {{\n  backend = "s3"\n  {config}\n}}\n'


def repository(
    files: Mapping[str, str], *, links: Mapping[str, str] | None = None, explicit: Sequence[str] | None = None
) -> Configuration:
    """The configuration that is discovered in a repository with these files."""
    facts = {path: read_file(path, content.encode()) for path, content in files.items()}
    return discover(facts, explicit=explicit, links=links)


def roots(configuration: Configuration) -> list[str]:
    """The directories of the root modules."""
    return [root.dir for root in configuration.root_modules]
