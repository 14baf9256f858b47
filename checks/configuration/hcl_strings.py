"""The escapes of HCL's quoted strings. https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-expressions"""

import re

_ESCAPE = re.compile(r'\\(?:["\\nrt]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|\$\$\{|%%\{')
_ESCAPED = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t", "$${": "${", "%%{": "%{"}


def unescape(text: str) -> str:
    """The text between the quotes of a string without interpolation, with its escapes resolved."""
    return _ESCAPE.sub(_resolve, text)


def _resolve(match: re.Match[str]) -> str:
    sequence = match.group()
    known = _ESCAPED.get(sequence)
    if known is not None:
        return known
    codepoint = int(sequence[2:], 16)
    return chr(codepoint) if codepoint <= 0x10FFFF and not 0xD800 <= codepoint <= 0xDFFF else "\ufffd"
