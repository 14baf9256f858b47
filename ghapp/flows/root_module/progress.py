"""Show the progress of a run's applies on its check run, at growing intervals. The applies never wait for GitHub."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from checks.plan.apply_stream import ApplyStream
from ghapp.errors import JobError
from ghapp.flows.check_run import show_progress
from ghapp.flows.repository import Repo, short
from ghapp.log import log
from ghapp.services import ApplyProgress
from ghapp.store import StoreUnavailable
from ghapp.values import RunId

_PAUSE_GROWTH = 1.5
_MOST_PAUSE_GROWTH = 12


@contextlib.asynccontextmanager
async def show_apply_progress(repo: Repo, run_id: RunId, root_module: str, stream: ApplyStream) -> AsyncIterator[None]:
    """Show this root module's progress on the run's check run, together with that of others being applied."""
    shown = repo.services.progress.get(run_id)
    if shown is None:
        shown = ApplyProgress()
        repo.services.progress[run_id] = shown
        shown.showing = asyncio.create_task(_show(repo, run_id, shown))
    shown.streams[root_module] = stream
    shown.shared_by += 1
    try:
        yield
    finally:
        shown.shared_by -= 1
        if not shown.shared_by:
            del repo.services.progress[run_id]
            shown.ended.set()
            # Wait for the task: its last update must not arrive after the result.
            if shown.showing is not None:
                await shown.showing


async def _show(repo: Repo, run_id: RunId, shown: ApplyProgress) -> None:
    """Update the check run at growing intervals: for an apply of an hour, about 60 times."""
    first_s = repo.services.timings.progress_s
    pause_s, last_words = first_s, ""
    while not shown.ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(shown.ended.wait(), pause_s)
            return
        pause_s = min(pause_s * _PAUSE_GROWTH, first_s * _MOST_PAUSE_GROWTH)
        words = words_of_progress(shown.streams)
        if words == last_words:
            continue
        try:
            run = await repo.store.runs.load(run_id)
            await show_progress(repo, run, f"Applying {short(run.head_sha)}: {words}")
            last_words = words
        except (JobError, StoreUnavailable) as error:
            log.info("progress_left_out", run=run_id, reason=str(error))


def words_of_progress(streams: dict[str, ApplyStream]) -> str:
    """ "12 of 40 changes"; with several root modules also the progress of each."""
    finished, number = sum(each.finished for each in streams.values()), sum(map(len, streams.values()))
    words = f"{finished:,} of {number:,} change{'' if number == 1 else 's'}"
    if len(streams) == 1:
        return words
    parts = (f"{name} {each.finished:,} of {len(each):,}" for name, each in sorted(streams.items()))
    return f"{words} ({', '.join(parts)})"
