"""The stored state of a run."""

import pytest

from ghapp.store import ApplyState, CheckRunState, Claim, MergeGroup, PlanState, RunState
from ghapp.store.run_state import Operation, read_state, state_to_store
from ghapp.values import CommitSha

A, B = CommitSha("a" * 40), CommitSha("b" * 40)
CLAIMED = CheckRunState(creation=Claim(by="one", until=1.5), may_be_duplicated=True, completion_sent=True)
GROUP = MergeGroup(pull_request=7, head_sha=A, config_sha=B)


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        ("plan", PlanState()),
        ("plan", PlanState(bases={7: A, 8: B}, job="key", group=GROUP, root_modules=("a",), check_run=CLAIMED)),
        ("apply", ApplyState()),
        ("apply", ApplyState(explains=(1, 2), held_for="review", digests=("d",), wait_until=2.5, check_run=CLAIMED)),
    ],
)
def test_a_state_is_read_as_it_was_stored(operation: Operation, state: RunState) -> None:
    assert read_state(operation, state_to_store(state)) == state


def test_the_states_that_an_older_version_stored_are_read() -> None:
    progress = {"announcing": {"by": "one", "until": 1.5}, "made_twice": True, "completing": True}
    plan = {
        "bases": {"7": A},
        "job": "key",
        "debounced": True,
        "group": {"pull_request": 7, "head_sha": A, "config_sha": B},
        "root_modules": ["app"],
        "digests": ["d"],
    }
    apply = {
        "explains": [1, 2],
        "held_for": "unexplained",
        "digests": ["d"],
        "approved_at": 3.5,
        "approved_by": "ada",
        "explained_until": 2.5,
        "came_back": 4,
        "deploying": True,
    }
    assert read_state("plan", plan | progress) == PlanState(
        bases={7: A}, job="key", debounced=True, group=GROUP, root_modules=("app",), digests=("d",), check_run=CLAIMED
    )
    assert read_state("apply", apply | progress) == ApplyState(
        explains=(1, 2),
        held_for="unexplained",
        digests=("d",),
        approved_at=3.5,
        approved_by="ada",
        wait_until=2.5,
        busy_retries=4,
        deployment_requested=True,
        check_run=CLAIMED,
    )
