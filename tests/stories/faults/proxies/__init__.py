"""Proxies between Planward and what it speaks to, which go wrong at random.

fates.py  what may happen to a request, how often, drawn from a seed
http.py   for GitHub's REST API, git over HTTP, Vault and GitHub's deliveries: they know requests
tcp.py    for PostgreSQL: it knows connections and what is said on them, not what it means
"""

from tests.stories.faults.proxies.fates import Fates
from tests.stories.faults.proxies.http import Exchange, HttpProxy
from tests.stories.faults.proxies.running import Loop
from tests.stories.faults.proxies.scripted import before_postgres, once_each
from tests.stories.faults.proxies.tcp import TcpProxy

__all__ = ["Exchange", "Fates", "HttpProxy", "Loop", "TcpProxy", "before_postgres", "once_each"]
