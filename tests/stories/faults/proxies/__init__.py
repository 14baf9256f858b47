"""Proxies between Planward and the services that it uses, with random faults.

fates.py     what may happen to a request, and how often; drawn from a seed
http.py      for GitHub's REST API, git over HTTP, Vault and GitHub's deliveries: the faults are of whole requests
tcp.py       for PostgreSQL: the faults are of connections and of the bytes on them
running.py   the thread in which the proxies run
scripted.py  proxies for single tests
"""

from tests.stories.faults.proxies.fates import Fates
from tests.stories.faults.proxies.http import Exchange, HttpProxy
from tests.stories.faults.proxies.running import Loop
from tests.stories.faults.proxies.scripted import before_postgres, once_each
from tests.stories.faults.proxies.tcp import TcpProxy

__all__ = ["Exchange", "Fates", "HttpProxy", "Loop", "TcpProxy", "before_postgres", "once_each"]
