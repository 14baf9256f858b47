"""Deliver a message to a chat, and return whether that worked. The address is secret: it is never logged or shown.

http(s) addresses are Slack's incoming webhooks or compatible ones; other schemes use apprise.
"""

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx

from checks.authority.chat import Address, ChatHosts, scheme_and_host
from ghapp.notify.messages import Message
from ghapp.notify.slack import slack_payload
from ghapp.notify.wording import Link, Note, write

_TIMEOUT_S: Final = 10.0
_WORD: Final = re.compile(rb"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The chat accepted the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The chat did not accept the message. `retryable` says whether it may accept it later.

    `retry_after_s` is how long the chat asks to wait, None if it does not say.
    """

    reason: str
    retryable: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The operator does not allow messages to this address. Nothing was sent, and there is no retry."""

    reason: str


Delivered = Sent | NotSent | Refused
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


async def resolve(host: str, port: int) -> Sequence[Address]:
    """The addresses that a name resolves to. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(str(address[0]).partition("%")[0]) for *_, address in found))


async def deliver(
    message: Message,
    url: str,
    hosts: ChatHosts,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    resolve: Resolve = resolve,
    timeout_s: float = _TIMEOUT_S,
) -> Delivered:
    """Send one message to the chat at `url`, if `hosts` allows it. It never raises, and takes at most `timeout_s`.

    The connection uses an address that was checked, even if the host's name resolves differently by then. `transport`
    and `resolve` are for tests.
    """
    note = write(message)
    refused = hosts.refusal(url)
    if refused is not None:
        return Refused(reason=refused)
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await _allowed_addresses(url, hosts, resolve)
            if isinstance(addresses, NotSent | Refused):
                return addresses
            if url.lower().startswith(("http://", "https://")):
                return await _post(slack_payload(note), url, addresses, transport)
            return await _by_apprise(note, url)
    except TimeoutError:
        return NotSent(reason=f"the chat did not answer within {timeout_s:g} s", retryable=True)


async def _allowed_addresses(url: str, hosts: ChatHosts, resolve: Resolve) -> Sequence[Address] | NotSent | Refused:
    """The host's allowed addresses; none if there is no host, or a proxy resolves it."""
    scheme, host = scheme_and_host(url)
    is_http = scheme in ("http", "https")
    if not is_http and "." not in host and ":" not in host and host != "localhost":
        return ()  # with most services, the part where the host would be is a token
    if is_http and _proxy(scheme or "", host) is not None:
        return ()
    try:
        addresses = await resolve(host, 443)
    except (OSError, UnicodeError):
        return NotSent(reason="the chat's host has no address", retryable=True) if is_http else ()
    refused = [reason for each in addresses if (reason := hosts.refusal_of(url, each))]
    return Refused(reason=refused[0]) if refused else addresses


async def _post(
    payload: bytes, url: str, addresses: Sequence[Address], transport: httpx.AsyncBaseTransport | None
) -> Delivered:
    try:
        request = httpx.Request("POST", url, content=payload, headers={"Content-Type": "application/json"})
        # The checked host came from another parser. If httpx reads a different host, that one was not checked.
        if request.url.host != scheme_and_host(url)[1]:
            return NotSent(reason="the chat's address cannot be read", retryable=False)
        # Not httpx's client: it logs the whole address, and can be told to follow redirects.
        async with transport or _connections(request.url) as wire:
            response = await _answer_of(wire, request, addresses)
            await response.aread()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        return NotSent(reason="the chat's address cannot be read", retryable=False)
    except httpx.HTTPError as error:
        return NotSent(reason=f"the chat could not be reached ({type(error).__name__})", retryable=True)
    return _answer(response)


async def _answer_of(
    wire: httpx.AsyncBaseTransport, request: httpx.Request, addresses: Sequence[Address]
) -> httpx.Response:
    """Send the request to the first address that accepts a connection. `Host` and TLS use the host's name."""
    name = request.url.host
    for address in addresses[:-1]:
        with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
            return await wire.handle_async_request(_addressed(address, request, name))
    return await wire.handle_async_request(_addressed(addresses[-1], request, name) if addresses else request)


def _addressed(address: Address, request: httpx.Request, name: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,  # with the name as Host
        content=request.content,
        extensions={**request.extensions, "sni_hostname": name},
    )


def _answer(response: httpx.Response) -> Delivered:
    status = response.status_code
    if 200 <= status < 300:
        return Sent()
    # Slack gives the reason in one word (`no_service`, `invalid_blocks`). A longer text may repeat the address.
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
    return httpx.AsyncHTTPTransport(proxy=_proxy(url.scheme, url.host))


def _proxy(scheme: str, host: str) -> str | None:
    return None if proxy_bypass(host) else getproxies().get(scheme)


async def _by_apprise(note: Note, url: str) -> Delivered:
    # Imported here, since it costs half a second and 50 MB, which only its users should pay.
    import apprise

    # It logs addresses, with most but not all of their secrets removed.
    logging.getLogger("apprise").disabled = True
    service = apprise.Apprise()
    try:
        # Not the text as given: it could contain several addresses, and only the first was checked.
        one = apprise.Apprise.instantiate(url)
        if not one or not service.add(one):
            return NotSent(reason="apprise does not support this kind of address", retryable=False)
        body = "\n".join(_plain(line) for line in note.lines)
        sent = await service.async_notify(title=note.headline, body=body, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # a plugin for one of 130 services may raise anything
        return NotSent(reason=f"the chat could not be reached ({type(error).__name__})", retryable=True)
    return Sent() if sent else NotSent(reason="the chat did not accept the message", retryable=True)


def _plain(line: tuple[str | Link, ...]) -> str:
    return "".join(f"{part.text} {part.url}" if isinstance(part, Link) else part for part in line)
