"""When Planward tidies up: again and again, and at once when a repository is left."""

import msgspec

from ghapp.jobs import TidyUp
from ghapp.services import Services

EVERY_S = 600
"""How often what is old is looked for; one job for all workers."""

_KEY = "tidy up"


async def owe_tidying(services: Services, in_s: float) -> None:
    """Have the next tidying owed; there is one for all workers, and it moves."""
    due = TidyUp(at=int(services.store.clock() + in_s))
    await services.store.deferred.defer(_KEY, msgspec.to_builtins(due), in_s=in_s)


async def owe_first_tidying(services: Services) -> None:
    """Have a tidying owed now, at the start of a worker, unless one is."""
    owed = await services.owed() | await services.store.deferred.keys()
    if not any(key == _KEY or key.startswith("tidy_up:") for key in owed):
        await owe_tidying(services, 0)
