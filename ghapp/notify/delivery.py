"""Deliver a message to a chat, and say whether that worked. The address is a secret: it is neither logged nor told.

https(s) addresses are Slack's incoming webhooks or their like; other schemes are apprise's.
"""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ghapp.notify.messages import Message
from ghapp.notify.slack import slack_payload
from ghapp.notify.wording import Link, Note, write

_TIMEOUT_S: Final = 10.0
_WORD: Final = re.compile(rb"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The chat took the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The chat did not take it. `retryable`: it may later, not before `retry_after_s` where the chat said so."""

    reason: str
    retryable: bool
    retry_after_s: float | None = None


Delivered = Sent | NotSent


async def deliver(
    message: Message, url: str, *, transport: httpx.AsyncBaseTransport | None = None, timeout_s: float = _TIMEOUT_S
) -> Delivered:
    """Send one message to the chat at `url`. Never raises, takes at most `timeout_s`; `transport` is for tests."""
    note = write(message)
    try:
        async with asyncio.timeout(timeout_s):
            if url.lower().startswith(("http://", "https://")):
                return await _post(slack_payload(note), url, transport)
            return await _by_apprise(note, url)
    except TimeoutError:
        return NotSent(reason=f"the chat did not answer within {timeout_s:g} s", retryable=True)


async def _post(payload: bytes, url: str, transport: httpx.AsyncBaseTransport | None) -> Delivered:
    try:
        request = httpx.Request("POST", url, content=payload, headers={"Content-Type": "application/json"})
        # Not httpx's client: it writes the whole address into its log.
        async with transport or _connections(request.url) as wire:
            response = await wire.handle_async_request(request)
            await response.aread()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        return NotSent(reason="the chat's address cannot be read", retryable=False)
    except httpx.HTTPError as error:
        return NotSent(reason=f"the chat could not be reached ({type(error).__name__})", retryable=True)
    return _answer(response)


def _answer(response: httpx.Response) -> Delivered:
    status = response.status_code
    if 200 <= status < 300:
        return Sent()
    # Slack says why in one word (`no_service`, `invalid_blocks`); anything longer may repeat the address.
    word = response.content.strip()
    said = f": {word.decode()}" if _WORD.fullmatch(word) else ""
    return NotSent(
        reason=f"the chat answered {status}{said}",
        retryable=status == 429 or status >= 500,
        retry_after_s=_seconds(response.headers.get("Retry-After", "")),
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _connections(url: httpx.URL) -> httpx.AsyncHTTPTransport:
    proxy = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
    return httpx.AsyncHTTPTransport(proxy=proxy)


async def _by_apprise(note: Note, url: str) -> Delivered:
    # Half a second and 50 MB that only those pay who use it.
    import apprise

    # It logs addresses, with most of their secrets but not all of them.
    logging.getLogger("apprise").disabled = True
    scheme = urlsplit(url).scheme if "://" in url else ""
    service = apprise.Apprise()
    try:
        if not scheme or not service.add(url):
            return NotSent(reason="the chat's address is none that apprise knows", retryable=False)
        body = "\n".join(_plain(line) for line in note.lines)
        sent = await service.async_notify(title=note.headline, body=body, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # a plugin for one of 130 services may raise anything
        return NotSent(reason=f"the chat could not be reached ({type(error).__name__})", retryable=True)
    return Sent() if sent else NotSent(reason="the chat did not take the message", retryable=True)


def _plain(line: tuple[str | Link, ...]) -> str:
    return "".join(f"{part.text} {part.url}" if isinstance(part, Link) else part for part in line)
