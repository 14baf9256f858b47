"""The messages between `serve` and its worker: one JSON object a line, over a socket that only these two have."""

from typing import Literal

import msgspec

SERVE_FD = "PLANWARD_SERVE_FD"
"""The environment variable with the number of the worker's socket descriptor."""

Subject = Literal["failing", "metrics"]


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """To the worker: the database is up to date, start working."""


class Wake(msgspec.Struct, frozen=True, tag="wake"):
    """To the worker: a job was enqueued."""

    queue: str


class Question(msgspec.Struct, frozen=True, tag="question"):
    """To the worker: which services do not answer, or what are the metrics?"""

    number: int
    subject: Subject


class Working(msgspec.Struct, frozen=True, tag="working"):
    """To `serve`: the worker takes jobs from the queues."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """To `serve`: the worker cannot start; the reason is for the operator."""

    reason: str


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """To `serve`: the answer to the question with this number."""

    number: int
    said: tuple[str, ...]


ToWorker = Begin | Wake | Question
ToServe = Working | Refused | Answer

_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)
_to_serve: msgspec.json.Decoder[ToServe] = msgspec.json.Decoder(ToServe)


def as_line(message: msgspec.Struct) -> bytes:
    """Encode a message."""
    return msgspec.json.encode(message) + b"\n"


def read_by_worker(line: bytes) -> ToWorker:
    """Decode a message from `serve`."""
    return _to_worker.decode(line)


def read_by_serve(line: bytes) -> ToServe:
    """Decode a message from the worker. Raises msgspec.DecodeError if it is not one."""
    return _to_serve.decode(line)
