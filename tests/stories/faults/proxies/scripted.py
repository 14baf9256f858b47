"""Proxies for tests that need a certain fault instead of random ones."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.engine import make_url

from tests.stories.faults.proxies.fates import Fates
from tests.stories.faults.proxies.http import Exchange, HttpProxy
from tests.stories.faults.proxies.running import Loop
from tests.stories.faults.proxies.tcp import TcpProxy


@contextmanager
def once_each(fate: str, address: str) -> Iterator[tuple[str, HttpProxy]]:
    """Run a proxy before a server. Each request has this fate the first time it is made; a repetition goes well.

    Yields the proxy's address, and the proxy.
    """
    drawn = Fates(0)
    drawn.on = True
    met: set[tuple[str, str, bytes]] = set()

    def of(exchange: Exchange) -> tuple[str, Mapping[str, float]]:
        request = (exchange.method, exchange.target, exchange.body)
        again = request in met
        met.add(request)
        return "vault", {} if again else {fate: 1.0}

    proxy = HttpProxy(address, drawn, of)
    with Loop() as loop:
        yield f"http://127.0.0.1:{loop.listen(proxy)}", proxy


def before_postgres(loop: Loop, url: str, drawn: Fates, kind: Callable[[str, Fates], TcpProxy] = TcpProxy) -> str:
    """Run a proxy before a PostgreSQL that listens on a Unix socket; returns the database URL through the proxy."""
    parsed = make_url(url)
    port = loop.listen(kind(f"{parsed.query['host']}/.s.PGSQL.{parsed.port or 5432}", drawn))
    return parsed.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
