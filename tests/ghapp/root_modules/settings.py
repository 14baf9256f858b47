"""Compute the settings with which environments run root modules, from a few files in memory."""

from collections.abc import Mapping

from checks.configuration import Configuration, discover, read_file
from ghapp.repository_config import RepositoryConfig, read_config
from ghapp.root_modules import RootModuleSettings, configure_root_modules, files_to_read

S3 = 'terraform {\n  backend "s3" {\n    bucket = "states"\n    key    = "network"\n  }\n}\n'
NETWORK = {"bucket": "states", "key": "network"}
PARTIAL = 'terraform {\n  backend "s3" {}\n}\n'
LOCAL = 'terraform {\n  backend "local" {}\n}\n'
BRANCHES = ("staging", "production")


def config_of(text: str | None = None) -> RepositoryConfig:
    content = None if text is None else text.encode()
    return read_config(content, branches=BRANCHES, repository_name="infra")


def found_in(files: Mapping[str, str], config: RepositoryConfig) -> Configuration:
    explicit = None if config.root_modules is None else [entry.dir for entry in config.root_modules]
    facts = {path: read_file(path, text.encode()) for path, text in files.items() if path.endswith(".tf")}
    return discover(facts, explicit=explicit)


def laid(files: Mapping[str, str], environment: str = "testing", config: str | None = None) -> RootModuleSettings:
    """The settings of the only root module."""
    settings = all_laid(files, config)[environment]
    assert len(settings) == 1
    return settings[0]


def all_laid(files: Mapping[str, str], config: str | None = None) -> Mapping[str, tuple[RootModuleSettings, ...]]:
    read = config_of(config)
    configuration = found_in(files, read)
    named = files_to_read(read, configuration, paths=files)
    contents = {path: files[path].encode() for path in named}
    found = configure_root_modules(read, configuration, paths=files, contents=contents)
    return {str(name): settings for name, settings in found.items()}
