"""The thread in which the proxies run."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Loop:
    """An event loop in a thread of its own. `with` starts the thread, and at its end stops it and all listeners."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Future[None]] = set()

    def __enter__(self) -> "Loop":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self, serve: Serve) -> int:
        """Listen on loopback and return the port."""

        def held(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # The loop holds only weak references to tasks. After both ends have closed, the task could be collected
            # before it is done.
            task = asyncio.ensure_future(serve(reader, writer))
            self._tasks.add(task)

            def ended(task: "asyncio.Future[None]") -> None:
                self._tasks.discard(task)
                writer.close()  # a task that is cancelled before it began closes nothing
                if not task.cancelled() and task.exception() is not None:
                    asyncio.get_running_loop().call_exception_handler(
                        {"message": "proxy", "exception": task.exception()}
                    )

            task.add_done_callback(ended)

        async def begin() -> int:
            # IPPROTO_TCP, so that asyncio sets TCP_NODELAY.
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.bind(("127.0.0.1", 0))
            self._servers.append(await asyncio.start_server(held, sock=listener, backlog=256))
            return int(listener.getsockname()[1])

        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result(20)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            # The protocols of the connections that the tasks closed are informed in the loop's next round.
            await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection so that the other end gets a reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        # Linger for 0 s: unsent data is discarded, and RST is sent instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()
