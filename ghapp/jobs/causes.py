"""The reasons for settling a branch. The text of a cause is part of the job's key, so each text leads to one job."""

import msgspec

from ghapp.values import CommitSha, RunId


class Pushed(msgspec.Struct, frozen=True, kw_only=True, tag="push"):
    """The branch was pushed to."""

    before: CommitSha
    after: CommitSha

    @property
    def text(self) -> str:
        """Once for each push."""
        return f"push:{self.before}:{self.after}"


class PullRequestMerged(msgspec.Struct, frozen=True, kw_only=True, tag="closed"):
    """A pull request was merged into the branch."""

    number: int
    merge_sha: CommitSha | None

    @property
    def text(self) -> str:
        """Once for each merge."""
        return f"closed:{self.number}:{self.merge_sha}"


class WaitEnded(msgspec.Struct, frozen=True, kw_only=True, tag="due"):
    """The run has waited long enough for the pull request event that would explain the push."""

    run_id: RunId

    @property
    def text(self) -> str:
        """Once for each run."""
        return f"due:{self.run_id}"


class VerdictRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="verdict"):
    """A pull request was merged, and its verdict was recorded only after the merge was processed."""

    run_id: RunId

    @property
    def text(self) -> str:
        """Once for each plan run."""
        return f"verdict:{self.run_id}"


class Approved(msgspec.Struct, frozen=True, kw_only=True, tag="approved"):
    """A person approved the apply."""

    decision: str
    """The key of the job that recorded the decision."""

    @property
    def text(self) -> str:
        """Once for each decision."""
        return f"approved:{self.decision}"


class Rerun(msgspec.Struct, frozen=True, kw_only=True, tag="rerun"):
    """A person who may apply pressed "Re-run"."""

    decision: str
    """The key of the job that processed the press."""

    @property
    def text(self) -> str:
        """Once each time it is pressed."""
        return f"rerun:{self.decision}"


class EnvironmentBusy(msgspec.Struct, frozen=True, kw_only=True, tag="busy"):
    """Another branch was using the environment, which may be free now."""

    run_id: RunId
    attempt: int

    @property
    def text(self) -> str:
        """Once for each attempt."""
        return f"busy:{self.run_id}:{self.attempt}"


class EnvironmentWanted(msgspec.Struct, frozen=True, kw_only=True, tag="free"):
    """Another branch waits for the environment that a run of this branch is using: check whether that run is still
    active."""

    run_id: RunId
    """The run that waits."""
    holder: RunId

    @property
    def text(self) -> str:
        """Once for each waiting run and each run that it waits for."""
        return f"free:{self.run_id}:{self.holder}"


class Abandoned(msgspec.Struct, frozen=True, kw_only=True, tag="abandoned"):
    """No pending job would complete this run."""

    run_id: RunId

    @property
    def text(self) -> str:
        """Once for each run."""
        return f"abandoned:{self.run_id}"


class Missed(msgspec.Struct, frozen=True, kw_only=True, tag="missed"):
    """The branch's tip is a commit for which no delivery arrived."""

    tip: CommitSha

    @property
    def text(self) -> str:
        """Once for each tip."""
        return f"missed:{self.tip}"


class Discovered(msgspec.Struct, frozen=True, kw_only=True, tag="seen"):
    """The App was installed again, and the branch has moved in the meantime."""

    tip: CommitSha
    last: CommitSha

    @property
    def text(self) -> str:
        """Once for each tip and LAST."""
        return f"seen:{self.tip}:{self.last}"


Cause = (
    Pushed
    | PullRequestMerged
    | WaitEnded
    | VerdictRecorded
    | Approved
    | Rerun
    | EnvironmentBusy
    | EnvironmentWanted
    | Abandoned
    | Missed
    | Discovered
)


def read_cause(text: str) -> Cause:
    """Read the text of a cause, which older versions stored. Raises msgspec.ValidationError if it is unknown."""
    kind, _, rest = text.partition(":")
    one, _, other = rest.partition(":")
    match kind:
        case "push":
            return Pushed(before=CommitSha(one), after=CommitSha(other))
        case "closed" if one.isdecimal():
            return PullRequestMerged(number=int(one), merge_sha=None if other == "None" else CommitSha(other))
        case "due":
            return WaitEnded(run_id=RunId(rest))
        case "approved":
            return Approved(decision=rest)
        case "rerun":
            return Rerun(decision=rest)
        case "busy" if other.isdecimal():
            return EnvironmentBusy(run_id=RunId(one), attempt=int(other))
        case "free":
            return EnvironmentWanted(run_id=RunId(one), holder=RunId(other))
        case "abandoned":
            return Abandoned(run_id=RunId(rest))
        case "missed":
            return Missed(tip=CommitSha(rest))
        case "seen":
            return Discovered(tip=CommitSha(one), last=CommitSha(other))
        case _:
            raise msgspec.ValidationError(f"unknown cause {kind!r}")
