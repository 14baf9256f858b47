"""Read HCL with two parsers.

tree-sitter-hcl comes first: it is some twenty times faster, accepts everything that Terraform accepts except a few rare
operators, and returns the intact blocks beside an error. If it finds an error, python-hcl2 decides whether the error is
real. Tests ensure that both give the same facts.
"""

from checks.configuration.hcl_tolerant import read_hcl_tolerant
from checks.configuration.syntax import Document, SyntaxProblem

_BOM = b"\xef\xbb\xbf"

_STRICT_BYTES = 256 * 1024
"""If a larger text has an error, it is not parsed a second time: the slow parser would take seconds."""


def read_hcl(content: bytes) -> Document:
    """Read a `.tf` file. Never raises: if both parsers refuse it, the result is the fast one's, with a `problem`."""
    content = content.removeprefix(_BOM)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        tolerant = read_hcl_tolerant(content)
        problem = SyntaxProblem(line=line, message="not valid UTF-8")
        return Document(attributes=tolerant.attributes, blocks=tolerant.blocks, problem=problem)
    document = _without_nameless(read_hcl_tolerant(content))
    if document.problem is None or len(content) > _STRICT_BYTES:
        return document
    # Imported only here: loading the library takes 0.2 s and 25 MB, and most processes never see an error.
    from checks.configuration.hcl_strict import read_hcl_strict

    strict = _without_nameless(read_hcl_strict(text))
    return document if strict.problem is not None else strict


def _without_nameless(document: Document) -> Document:
    """Refuse, as Terraform does, a label that is empty or contains a template: nothing could refer to it."""
    nameless = [block for block in document.blocks if not all(block.labels)]
    if document.problem is not None or not nameless:
        return document
    message = "a label must neither be empty nor contain a template"
    problem = SyntaxProblem(line=nameless[0].start_line, message=message)
    return Document(attributes=document.attributes, blocks=document.blocks, problem=problem)
