"""Branch protection: classic protection and rulesets as one list of rules, applied to merges and pushes."""

from ghapp.local_github.protection.merging import approvals, dismisses_stale_reviews, merge_violations
from ghapp.local_github.protection.pushing import denies_force, push_violations
from ghapp.local_github.protection.required_checks import (
    check_state,
    check_states,
    is_behind,
    must_be_up_to_date,
    required_contexts,
)
from ghapp.local_github.protection.sources import Violation, has_merge_queue, sources

__all__ = [
    "Violation",
    "approvals",
    "check_state",
    "check_states",
    "denies_force",
    "dismisses_stale_reviews",
    "has_merge_queue",
    "is_behind",
    "merge_violations",
    "must_be_up_to_date",
    "push_violations",
    "required_contexts",
    "sources",
]
