"""Refuse input that is not a plan, or that this code does not understand, with a helpful message."""

import re
from collections.abc import Iterable

import msgspec

from checks.errors import PlanFormatError
from checks.plan.action import ACTIONS
from checks.plan.format import Change, not_understood
from checks.plan.resource_change import ResourceChange

_KNOWN_VERSION = re.compile(r"0\.[1-9][0-9]*|1\.[0-9]+")
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MAKE_ONE = "`terraform show -json PLANFILE` prints a plan"


def plan_text(plan_json: bytes) -> bytes:
    """The plan JSON in UTF-8, without a byte order mark.

    PowerShell's `>` writes UTF-16, which is converted. Raises PlanFormatError.
    """
    if plan_json.startswith(_UTF16_MARKS):
        try:
            return plan_json.decode("utf-16").encode()
        except UnicodeError:
            raise PlanFormatError("not a Terraform plan in JSON form: it is not valid UTF-16") from None
    return plan_json.removeprefix(_UTF8_MARK)


def require_known_version(version: str) -> None:
    """Raise PlanFormatError on an unknown version of the format."""
    if _KNOWN_VERSION.fullmatch(version) is None:
        raise PlanFormatError(
            f"plan format {version[:20]!r} is not known. Planward reads 0.1 to 1.x; a newer Planward may know it"
        )


def require_plan(holds_a_plan: bool, *, is_state: bool) -> None:
    """Raise PlanFormatError on the output of `terraform show -json` without a plan file, which is a state or empty.

    As a plan, it would seem to have no changes.
    """
    if is_state:
        raise PlanFormatError(f"not a Terraform plan but a state in JSON form; {_MAKE_ONE}")
    if not holds_a_plan:
        raise PlanFormatError(f"not a Terraform plan in JSON form: it contains no part of a plan; {_MAKE_ONE}")


def require_whole_marks(terraform_version: str) -> None:
    """Raise PlanFormatError on Terraform 0.15.0, whose marks leave out values that providers declare sensitive.

    https://github.com/hashicorp/terraform/issues/28522
    """
    if terraform_version.partition("-")[0] == "0.15.0":
        raise PlanFormatError("Terraform 0.15.0 does not say which attributes are sensitive: use 0.15.1 or later")


def require_known_actions(changes: Iterable[tuple[str, Change]]) -> None:
    """Raise PlanFormatError, with the address, on an unknown action."""
    for address, change in changes:
        if change.actions not in ACTIONS:
            action = ", ".join(change.actions)[:80]
            raise PlanFormatError(
                f"plan with an unknown action {action!r} for {address[:200]!r}: a newer Planward may know it"
            )


def require_addresses(changes: Iterable[ResourceChange]) -> None:
    """Raise PlanFormatError on a planned change without an address."""
    if not all(change.address for change in changes):
        raise PlanFormatError("not a Terraform plan in JSON form: a change without an address")


def with_address(change: ResourceChange) -> ResourceChange:
    """The change, with an address built from its parts if it has none: Terraform 1.0 writes none for drift."""
    if change.address:
        return change
    data = "data." if change.mode == "data" else ""
    key = "" if change.index is None else f"[{msgspec.json.encode(change.index).decode()}]"
    module = f"{change.module_address}." if change.module_address else ""
    return msgspec.structs.replace(change, address=f"{module}{data}{change.type}.{change.name}{key}")


def no_plan(error: Exception, plan_json: bytes) -> PlanFormatError:
    """The decoding error as text for people. If the kind of file is recognized, it names the kind and the remedy."""
    begins = plan_json[:4_096]
    if b'"lineage"' in begins and b'"serial"' in begins:
        return PlanFormatError(f"not a Terraform plan but a state file; {_MAKE_ONE}")
    if b'"@level"' in begins:
        return PlanFormatError(f"not a Terraform plan but the log of `terraform plan -json`; {_MAKE_ONE}")
    if begins.startswith(b"PK\x03\x04"):
        return PlanFormatError(f"not a Terraform plan in JSON form but a plan file; {_MAKE_ONE}")
    return not_understood(error)
