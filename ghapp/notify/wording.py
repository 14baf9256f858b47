"""The text of a message, without any chat's markup."""

from dataclasses import dataclass
from typing import assert_never

from ghapp.notify.messages import (
    Applied,
    EnvironmentResult,
    Failed,
    Message,
    PromotionDecided,
    PullRequestLink,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A word with a link."""

    text: str
    url: str


Line = tuple[str | Link, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A headline that says what happened, and lines with the details."""

    headline: str
    lines: tuple[Line, ...]


def write(message: Message) -> Note:
    """Write a message: what happened and where, then the pull request and the run."""
    match message:
        case Applied():
            return Note(
                f"Applied to {message.environment}: {message.counts.done_words()}",
                (*_note(message), *_pull_requests(message.pull_requests), _where(message)),
            )
        case Failed():
            return Note(
                f"Apply to {message.environment} failed",
                (
                    (message.cause,),
                    *(((message.result,),) if message.result else ()),
                    *_note(message),
                    *_pull_requests(message.pull_requests),
                    _where(message),
                ),
            )
        case Waiting():
            counts = f" ({message.counts.words()})" if message.counts else ""
            return Note(
                f"The {message.operation} in {message.environment} waits for a person{counts}",
                ((message.cause,), *_pull_requests(message.pull_requests), _where(message)),
            )
        case PromotionDecided():
            return _promotion(message)
        case _:
            assert_never(message)


def _promotion(message: PromotionDecided) -> Note:
    lines: list[Line] = [_pull_request(message.pull_request), _before(message.before)]
    if message.counts is not None:
        lines.append((f"{message.environment} would get: {message.counts.words()}",))
    if message.cause is not None:
        lines.append((message.cause,))
    verdict = "may be merged" if message.may_merge else "may not be merged yet"
    return Note(f"The promotion to {message.environment} {verdict}", (*lines, _where(message)))


def _before(result: EnvironmentResult) -> Line:
    at = f" at {result.commit_sha[:10]}" if result.commit_sha else ""
    # Until the apply has ended, these are planned changes. Afterwards they are applied changes, even if it failed.
    planned = result.outcome in ("waits for a person", "being applied")
    words = "" if result.counts is None else result.counts.words() if planned else result.counts.done_words()
    counts = f", {words}" if words else ""
    text = f"{result.environment}: {result.outcome}{at}{counts}"
    return (text, " · ", Link("run", result.run_url)) if result.run_url else (text,)


def _where(message: Message) -> Line:
    return (f"{message.repository} at {message.commit_sha[:10]} · ", Link("run", message.run_url))


def _note(message: Message) -> tuple[Line, ...]:
    return ((message.note,),) if message.note else ()


def _pull_requests(links: tuple[PullRequestLink, ...]) -> tuple[Line, ...]:
    return tuple(_pull_request(link) for link in links)


def _pull_request(link: PullRequestLink) -> Line:
    return (Link(f"#{link.number} {link.title}", link.url),)
