"""Decide where `notify` may send messages: to the hosts in the operator's PLANWARD_NOTIFY_HOSTS, by default to public
ones."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from checks.wildcards import Wildcards

SETTING = "PLANWARD_NOTIFY_HOSTS"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER_ALLOWED = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
"""Addresses of clouds' metadata services that are not link-local. Not even the operator can allow them."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPattern:
    """One pattern of the setting: a scheme, and hosts with `*` for any part of a name; "" is any host."""

    scheme: str
    host: str

    @property
    def names_one(self) -> bool:
        """Whether it names one complete host. Such a host may have a private address."""
        return bool(self.host) and "*" not in self.host

    def fits(self, scheme: str, host: str) -> bool:
        """Whether it matches this scheme and host."""
        return scheme == self.scheme and (not self.host or Wildcards(self.host, ("*",)).matches(host))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatHosts:
    """The hosts to which `notify` may send. Without patterns: every public host, over https."""

    patterns: tuple[HostPattern, ...] = field(default=())

    @classmethod
    def read(cls, words: Collection[str]) -> "ChatHosts":
        """Read the patterns: `HOST` (https), `SCHEME://HOST`, or only `SCHEME://` if it is neither http nor https.

        Raises ValueError for an invalid one.
        """
        return cls(patterns=tuple(map(_read_pattern, words)))

    def refusal(self, url: str) -> str | None:
        """Why a message may not be sent to this URL; None if it may.

        The host is not resolved. The text never quotes the URL's path, which may be a secret.
        """
        scheme, host = scheme_and_host(url)
        if scheme is None:
            return "the chat's address cannot be read"
        if not self.patterns:
            allowed = scheme == "https"
            wanted = "only public hosts over https are allowed; "
        else:
            allowed = any(pattern.fits(scheme, host) for pattern in self.patterns)
            wanted = ""
        if not allowed:
            what = f"{scheme}://{host}" if scheme in ("http", "https") else f"{scheme}://"
            return f"{what[:80]} is not allowed: {wanted}the operator can add it to {SETTING}"
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            return None
        return self.refusal_of(url, literal)

    def refusal_of(self, url: str, address: Address) -> str | None:
        """Why a message may not be sent to this resolved address of the host; None if it may."""
        scheme, host = scheme_and_host(url)
        if is_public(address):
            return None
        by_name = any(each.names_one and each.fits(scheme or "", host) for each in self.patterns)
        if by_name and may_be_named(address):
            return None
        way_out = (
            f"the operator can name it in full in {SETTING}" if may_be_named(address) else "no setting can allow it"
        )
        return f"{host[:80]} is {_kind(address)}, which is not allowed: {way_out}"


def scheme_and_host(url: str) -> tuple[str | None, str]:
    """The scheme and the host of a URL, in lower case; None and "" if they cannot be read."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").partition("%")[0]
    except ValueError:
        return None, ""
    if not parts.scheme or "://" not in url or (parts.scheme in ("http", "https") and not host):
        return None, ""
    return parts.scheme.lower(), host


def is_public(address: Address) -> bool:
    """Whether this address is public: not private, loopback, link-local, multicast or reserved, and not a cloud's
    metadata service."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and address not in _NEVER_ALLOWED


def may_be_named(address: Address) -> bool:
    """Whether the operator may allow an address that is not public: a private one, or loopback."""
    inner = _embedded(address) or address
    if inner in _NEVER_ALLOWED or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        return False
    return inner.is_private or inner.is_loopback or inner.is_global


def _embedded(address: Address) -> Address | None:
    """The IPv4 address to which an IPv6 address is translated; None if it is not translated to any."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _kind(address: Address) -> str:
    inner = _embedded(address) or address
    for kind, is_it in (
        ("a loopback address", inner.is_loopback),
        ("a link-local address", inner.is_link_local),
        ("a multicast address", inner.is_multicast),
        ("a cloud's metadata service", inner in _NEVER_ALLOWED),
        ("a private address", inner.is_private),
    ):
        if is_it:
            return kind
    return "a reserved address"


def _read_pattern(word: str) -> HostPattern:
    scheme, separator, host = word.strip().lower().rpartition("://")
    if not separator:
        scheme = "https"
    inner = host.removeprefix("[").removesuffix("]")
    is_scheme = scheme.isascii() and scheme[:1].isalpha() and all(each.isalnum() or each in "+.-" for each in scheme)
    is_host = inner.isascii() and all(each.isalnum() or each in "*._-:" for each in inner)
    if not is_scheme or not is_host or (not inner and scheme in ("http", "https")):
        raise ValueError(word.strip())
    return HostPattern(scheme=scheme, host=inner)
