"""A proxy that goes wrong by the letter, for tests of one room."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.stories.faults.proxies.fates import Fates
from tests.stories.faults.proxies.http import Exchange, HttpProxy
from tests.stories.faults.proxies.running import Loop


@contextmanager
def once_each(fate: str, address: str) -> Iterator[tuple[str, list[Exchange]]]:
    """Put a proxy before a server to which this happens at each request, when it is made the first time.

    Gives the proxy's address and what is asked through it.
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
        yield f"http://127.0.0.1:{loop.listen(proxy)}", proxy.seen
