"""Logging: event names and values, one JSON object per line on stderr.

Payloads, plan JSON, environments, tokens and local variables are never logged. The bound values are ids (delivery,
job, repository, SHA).
"""

import logging
import sys

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger("planward")


def configure_logging(*, level: int = logging.INFO, human: bool = False) -> None:
    """Set up structlog for this process. With `human`, it writes lines for a terminal instead of JSON."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if human else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception_without_locals,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(
            sys.stderr
        ),  # each line is one write, since several processes share the file
        cache_logger_on_first_use=False,
    )
    for noisy in ("httpx", "httpcore", "dbos", "hvac", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _exception_without_locals(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep only an exception's class and the lines of its traceback: its text may contain another library's data."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["at"] = frames[-6:]
    return event
