"""Reading HCL: two grammars, one answer.

tree-sitter-hcl reads everything first: it is some twenty times faster, takes all that Terraform takes but for a few
odd operators, and gives what stands whole beside an error. Where it finds an error, python-hcl2 decides whether there
is one. The two are held to equal facts by tests.
"""

from checks.configuration.hcl_tolerant import read_hcl_tolerant
from checks.configuration.syntax import Document, SyntaxProblem

_BOM = b"\xef\xbb\xbf"

_STRICT_BYTES = 256 * 1024
"""What is larger and has an error for the fast grammar is not asked about again: the other one would take seconds."""


def read_hcl(content: bytes) -> Document:
    """Read `.tf`. Never raises; a text that neither grammar accepts has the fast one's facts and a `problem`."""
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
    # Only now: its library takes 0.2 s and 25 MB to load, and most processes never meet an error.
    from checks.configuration.hcl_strict import read_hcl_strict

    strict = _without_nameless(read_hcl_strict(text))
    return document if strict.problem is not None else strict


def _without_nameless(document: Document) -> Document:
    """Refuse a label that is empty or holds a template, as Terraform does: nothing can be called by it."""
    nameless = [block for block in document.blocks if not all(block.labels)]
    if document.problem is not None or not nameless:
        return document
    message = "a label is text: it is neither empty nor holds a template"
    problem = SyntaxProblem(line=nameless[0].start_line, message=message)
    return Document(attributes=document.attributes, blocks=document.blocks, problem=problem)
