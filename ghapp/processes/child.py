"""One child process, which the event loop waits for.

asyncio's own subprocesses take a thread for each child before Python 3.12, and several tasks and objects for each pipe.
Planward starts more than fifty programs for a pull request, most of which run for milliseconds.
"""

import asyncio
import contextlib
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


class Child:
    """A started process. It has to be started, fed and awaited in the same event loop."""

    def __init__(self, process: "subprocess.Popen[bytes]", feed: int | None) -> None:
        """Use `started`."""
        self.pid = process.pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Its exit code, negative for a signal."""
        self._process = process
        self._feed = feed
        self._rest = memoryview(b"")
        self._is_writing = False
        self._watch()

    @classmethod
    def started(
        cls,
        argv: Sequence[str],
        *,
        has_input: bool,
        stdout: int,
        stderr: int,
        environ: Mapping[str, str],
        cwd: Path | None,
        uid: int | None,
        pass_fds: tuple[int, ...],
    ) -> "Child":
        """Start a program as the leader of a new session. With `has_input`, pass its standard input to `write`."""
        read_end, feed = os.pipe() if has_input else (subprocess.DEVNULL, None)
        try:
            process = subprocess.Popen(
                argv,
                bufsize=0,
                stdin=read_end,
                stdout=stdout,
                stderr=stderr,
                env=environ,
                cwd=cwd,
                start_new_session=True,
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
                pass_fds=pass_fds,
            )
        except BaseException:
            if feed is not None:
                os.close(feed)
            raise
        finally:
            if has_input:
                os.close(read_end)
        return cls(process, feed)

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return await asyncio.shield(self.ended)

    def kill(self) -> None:
        """Kill it, unless it has ended: then another process may have its number."""
        self._process.kill()

    def write(self, data: bytes) -> None:
        """Write its whole standard input, as fast as it reads. Data that it does not read is dropped."""
        if self._feed is not None:
            os.set_blocking(self._feed, False)
            self._rest = memoryview(data)
            self._write()

    def _write(self) -> None:
        assert self._feed is not None
        try:
            self._rest = self._rest[os.write(self._feed, self._rest) :]
        except BlockingIOError:
            pass
        except OSError:  # it has closed its standard input
            self._rest = self._rest[:0]
        if not self._rest:
            self.close_input()
        elif not self._is_writing:
            self._is_writing = True
            asyncio.get_running_loop().add_writer(self._feed, self._write)

    def close_input(self) -> None:
        """Stop writing its standard input."""
        feed, self._feed = self._feed, None
        if feed is not None:
            if self._is_writing:
                asyncio.get_running_loop().remove_writer(feed)
            os.close(feed)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            # Not on Linux, or refused: a thread has to wait for it.
            threading.Thread(target=self._wait_in_thread, args=(loop,), name=f"child-{self.pid}", daemon=True).start()
            return
        loop.add_reader(pidfd, self._reap, loop, pidfd)

    def _reap(self, loop: asyncio.AbstractEventLoop, pidfd: int) -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        self._end(self._process.wait())

    def _wait_in_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the event loop may have ended
            loop.call_soon_threadsafe(self._end, code)

    def _end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)
