"""Write a config file with the settings that differ from the defaults, in the order of the documentation."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence

from ghapp.repository_config import RootModuleConfig, RootModuleOverride


def write_config(
    *,
    comments: Iterable[str],
    environments: Collection[str],
    root_modules: Sequence[RootModuleConfig] | None,
) -> str:
    """The text of a config file. Strings are written as JSON, which YAML reads the same way."""
    lines = [f"# {comment}" for comment in comments]
    if environments:
        lines.append("environments:")
        lines += [f"  {name}: {'{}' if name == 'testing' else f'{{branch: {name}}}'}" for name in environments]
    if root_modules is not None:
        lines.append("root_modules:" if root_modules else "root_modules: []")
    for root_module in root_modules or ():
        lines += _root_module(root_module)
    return "\n".join(lines) + "\n"


def _root_module(root_module: RootModuleConfig) -> Iterator[str]:
    yield f"  - dir: {json.dumps(root_module.dir, ensure_ascii=False)}"
    settings = RootModuleOverride(
        workspace=root_module.workspace,
        var_files=root_module.var_files,
        backend_config=root_module.backend_config,
        extra_arguments=root_module.extra_arguments or None,
    )
    yield from (f"    {line}" for line in _settings(settings))
    if root_module.watch:
        yield f"    watch: {_flow(root_module.watch)}"
    if root_module.depends_on:
        yield f"    depends_on: {_flow(root_module.depends_on)}"
    if root_module.required_version:
        yield f"    required_version: {json.dumps(root_module.required_version)}"
    if root_module.environments:
        yield "    environments:"
    for name, override in root_module.environments.items():
        yield f"      {name}: {{{', '.join(_settings(override))}}}"


def _settings(settings: RootModuleOverride) -> Iterator[str]:
    if settings.workspace is not None:
        yield f"workspace: {json.dumps(settings.workspace)}"
    for key, values in (
        ("var_files", settings.var_files),
        ("backend_config", settings.backend_config),
        ("extra_arguments", settings.extra_arguments),
    ):
        if values is not None:
            yield f"{key}: {_flow(values)}"


def _flow(values: Sequence[str]) -> str:
    return f"[{', '.join(json.dumps(value, ensure_ascii=False) for value in values)}]"
