"""Extract the facts of a file from its parsed document, whichever parser made it."""

from collections.abc import Iterator

from checks.configuration.file_facts import (
    Backend,
    FileFacts,
    ModuleCall,
    Problem,
    Provider,
    Reference,
    RemoteState,
    Section,
    Values,
    Variable,
)
from checks.configuration.syntax import Block, Computed, Document, Literal


def inspect_document(document: Document, references: tuple[Reference, ...]) -> FileFacts:
    """The facts of one file; `references` are the paths in its text."""
    calls = tuple(_calls(document))
    called = {call.source.removeprefix("./") for call in calls if call.source is not None}
    problem = document.problem
    terraform = [block for block in document.blocks if block.type == "terraform"]
    providers = tuple(provider for block in terraform for provider in _providers(block))
    called |= {provider.source for provider in providers if provider.source is not None}
    versions = (block.literal("required_version") for block in terraform)
    return FileFacts(
        required_version=tuple(version for version in versions if isinstance(version, str)),
        required_providers=providers,
        backend=next((backend for block in terraform for backend in _backends(block)), None),
        variables=tuple(_variables(document)),
        calls=calls,
        remote_states=tuple(_remote_states(document)),
        sections=tuple(_sections(document)),
        references=tuple(ref for ref in references if not (ref.from_root and ref.path.rstrip("/") in called)),
        problem=Problem(line=problem.line, message=problem.message) if problem else None,
    )


def _calls(document: Document) -> Iterator[ModuleCall]:
    for block in document.blocks:
        if block.type == "module" and len(block.labels) == 1:
            source = block.literal("source")
            yield ModuleCall(
                name=block.labels[0],
                source=source if isinstance(source, str) else None,
                start_line=block.start_line,
                end_line=block.end_line,
            )


def _providers(terraform: Block) -> Iterator[Provider]:
    for block in terraform.blocks:
        if block.type != "required_providers":
            continue
        for name, attribute in block.attributes.items():
            value = attribute.value
            entry = value if isinstance(value, dict) else {"version": value}
            source, version = entry.get("source"), entry.get("version")
            yield Provider(
                name=name,
                source=source if isinstance(source, str) else None,
                version=version if isinstance(version, str) else None,
                line=attribute.line,
            )


def _backends(terraform: Block) -> Iterator[Backend]:
    for block in terraform.blocks:
        if block.type == "backend" and len(block.labels) == 1:
            yield Backend(type=block.labels[0], values=_values(block), line=block.start_line)
        elif block.type == "cloud":
            yield Backend(type="cloud", values=_values(block), line=block.start_line)


def _variables(document: Document) -> Iterator[Variable]:
    for block in document.blocks:
        if block.type == "variable" and len(block.labels) == 1:
            yield Variable(
                name=block.labels[0],
                sensitive=block.literal("sensitive") not in (None, False, "false"),
                has_default="default" in block.attributes,
                line=block.start_line,
                ephemeral=block.literal("ephemeral") not in (None, False, "false"),
            )


def _remote_states(document: Document) -> Iterator[RemoteState]:
    for block in document.blocks:
        if block.type == "data" and len(block.labels) == 2 and block.labels[0] == "terraform_remote_state":
            backend = block.literal("backend")
            config = _values(block).get("config")
            yield RemoteState(
                name=block.labels[1],
                backend=backend if isinstance(backend, str) else None,
                values=config if isinstance(config, dict) else {},
                line=block.start_line,
            )


def _sections(document: Document) -> Iterator[Section]:
    for block in document.blocks:
        address = _address(block)
        if address is not None:
            yield Section(address=address, start_line=block.start_line, end_line=block.end_line)


def _address(block: Block) -> str | None:
    match block.type, block.labels:
        case "resource", (type_, name):
            return f"{type_}.{name}"
        case ("data" | "ephemeral") as mode, (type_, name):
            return f"{mode}.{type_}.{name}"
        case ("module" | "output" | "check") as kind, (name,):
            return f"{kind}.{name}"
        case _:
            return None


def _values(block: Block) -> Values:
    """A block's literal attributes; an inner block counts as a map under the name of its type."""
    values: dict[str, Literal] = {
        name: attribute.value
        for name, attribute in block.attributes.items()
        if not isinstance(attribute.value, Computed)
    }
    for inner in block.blocks:
        values[inner.type] = _values(inner)
    return values
