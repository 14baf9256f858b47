"""Pictures of people and Apps, drawn from their logins."""

from __future__ import annotations

import hashlib

from ghapp.local_github.state import Account

_EMPTY = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 5 5"><rect width="5" height="5" fill="#d1d9e0"/></svg>'


def avatar_svg(account: Account | None) -> str:
    """Draw a mirrored pattern of five by five squares for a person, or three lines and a dot for an App."""
    if account is None:
        return _EMPTY
    digest = hashlib.sha256(f"{account.login}".encode()).digest()
    hue = digest[0] * 360 // 256
    if account.type == "Bot":
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">'
            f'<rect width="20" height="20" rx="4" fill="hsl({hue} 45% 30%)"/>'
            '<path d="M5 6h10M5 10h7M5 14h10" stroke="#fff" stroke-width="2" stroke-linecap="round"/>'
            f'<circle cx="15" cy="10" r="1.6" fill="hsl({hue} 80% 70%)"/></svg>'
        )
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="1.02" height="1.02"/>'
        for y in range(5)
        for x in range(5)
        if digest[1 + y * 3 + min(x, 4 - x)] & 1
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 7 7">'
        '<rect x="-1" y="-1" width="7" height="7" fill="#f0f0f0"/>'
        f'<g fill="hsl({hue} 55% 50%)">{cells}</g></svg>'
    )
