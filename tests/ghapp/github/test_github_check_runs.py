"""Check runs: created once, updated, each annotation sent once."""

from typing import Any

import httpx
import msgspec
import pytest

from checks.report import Annotation
from ghapp.github import (
    CheckRunAction,
    CheckRunDraft,
    CheckRunSeen,
    GitHubRefused,
    GitHubRepository,
    GitHubUnavailable,
)
from ghapp.values import CommitSha
from tests.ghapp.github.scripted_github import APP_ID, IMPATIENT, ScriptedWire

pytestmark = pytest.mark.anyio

SHA = CommitSha("a" * 40)
CREATE = "POST /repos/acme/infra/check-runs"
UPDATE = "PATCH /repos/acme/infra/check-runs/99"
COUNT = "GET /repos/acme/infra/check-runs/99"
LIST = f"GET /repos/acme/infra/commits/{SHA}/check-runs"
REFUSED = {"message": "Invalid request.", "errors": ["annotations: path is invalid"]}


def draft(**change: Any) -> CheckRunDraft:
    queued = CheckRunDraft(
        name="planward/plan",
        head_sha=SHA,
        external_id="run-1",
        status="queued",
        title="Queued",
        summary="Waits for its turn.",
        details_url="https://planward.example.com/runs/run-1",
    )
    return msgspec.structs.replace(queued, **change)


def annotations(number: int) -> tuple[Annotation, ...]:
    return tuple(
        Annotation(path="main.tf", start_line=line, end_line=line, level="warning", title="t", message="m")
        for line in range(1, number + 1)
    )


def lines(body: Any) -> list[int]:
    return [annotation["start_line"] for annotation in body["output"].get("annotations", [])]


def counted(number: int) -> dict[str, Any]:
    return {"id": 99, "output": {"annotations_count": number}}


def seen(number: int, external_id: str, **change: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "planward/plan",
        "head_sha": SHA,
        "external_id": external_id,
        "status": "queued",
        "conclusion": None,
        **change,
    }


# Creating


async def test_a_check_run_is_created_with_its_visible_content(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(CREATE, 201, {"id": 99})
    approve = CheckRunAction(label="Approve plan", identifier="approve", description="Plan with credentials")
    done = draft(status="completed", conclusion="action_required", text="Details", actions=(approve,))
    assert (await infra.create_check_run(done)).resource.id == 99
    assert wire.sent(0) == {
        "name": "planward/plan",
        "head_sha": SHA,
        "external_id": "run-1",
        "status": "completed",
        "conclusion": "action_required",
        "details_url": "https://planward.example.com/runs/run-1",
        "output": {"title": "Queued", "summary": "Waits for its turn.", "text": "Details"},
        "actions": [{"label": "Approve plan", "identifier": "approve", "description": "Plan with credentials"}],
    }


async def test_columns_go_only_with_an_annotation_of_one_line(infra: GitHubRepository, wire: ScriptedWire) -> None:
    one = Annotation(
        path="main.tf", start_line=3, end_line=3, start_column=1, end_column=9, level="failure", title="t", message="m"
    )
    wire.expect(CREATE, 201, {"id": 99})
    await infra.create_check_run(draft(annotations=(one, msgspec.structs.replace(one, end_line=4))))
    first = {"path": "main.tf", "start_line": 3, "end_line": 3, "annotation_level": "failure", "title": "t"}
    assert wire.sent(0)["output"]["annotations"] == [
        {**first, "message": "m", "start_column": 1, "end_column": 9},
        {**first, "message": "m", "end_line": 4},
    ]


async def test_a_lost_check_run_is_found_by_its_external_id(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(CREATE, failure=httpx.ReadTimeout)
    wire.expect(LIST, body={"total_count": 2, "check_runs": [seen(98, "run-0"), seen(99, "run-1")]})
    assert (await infra.create_check_run(draft())).resource.id == 99
    assert dict(wire.requests[1].url.params) == {
        "check_name": "planward/plan",
        "app_id": "3",
        "filter": "all",
        "per_page": "100",
    }


async def test_a_resumed_flow_first_looks_for_the_check_run(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(LIST, body={"check_runs": [seen(99, "run-1")]})
    assert (await infra.create_check_run(draft(), look_first=True)).resource.id == 99


async def test_a_resumed_flow_creates_a_missing_check_run(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(LIST, body={"check_runs": [seen(98, "run-0")]})
    wire.expect(CREATE, 201, {"id": 99})
    assert (await infra.create_check_run(draft(), look_first=True)).resource.id == 99


async def test_a_check_run_is_created_without_annotations_that_github_refuses(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(CREATE, 422, REFUSED)
    wire.expect(CREATE, 201, {"id": 99})
    assert (await infra.create_check_run(draft(annotations=annotations(2)))).resource.id == 99
    assert [lines(wire.sent(number)) for number in (0, 1)] == [[1, 2], []]


async def test_a_check_run_that_is_refused_for_another_reason_is_refused(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(CREATE, 422, {"message": "No commit found for SHA: aaa"})
    with pytest.raises(GitHubRefused, match=r"create the check run planward/plan: No commit found"):
        await infra.create_check_run(draft())


# Finding


async def test_the_newest_of_a_name_comes_first_over_all_pages(infra: GitHubRepository, wire: ScriptedWire) -> None:
    following = f"https://github.example.com/api/v3/repos/acme/infra/commits/{SHA}/check-runs?page=2"
    wire.expect(LIST, body={"check_runs": [seen(97, "a")]}, headers={"Link": f'<{following}>; rel="next"'})
    done = seen(98, "b", status="completed", conclusion="success")
    wire.expect(LIST, body={"check_runs": [done, seen(1, "c", name="planward/plan x")]})
    found = await infra.find_check_runs(SHA, "planward/plan")
    assert [check_run.id for check_run in found] == [98, 97]
    assert found[0] == CheckRunSeen(
        id=98, name="planward/plan", head_sha=SHA, external_id="b", status="completed", conclusion="success"
    )


# Updating


async def test_an_update_sends_everything_again_except_the_commit(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(UPDATE, 200, {"id": 99})
    assert (
        await infra.update_check_run(99, draft(status="completed", conclusion="success", title="No changes"))
    ).annotations == 0
    assert wire.sent(0) == {
        "name": "planward/plan",
        "external_id": "run-1",
        "status": "completed",
        "conclusion": "success",
        "details_url": "https://planward.example.com/runs/run-1",
        "output": {"title": "No changes", "summary": "Waits for its turn."},
        "actions": [],
    }


async def test_annotations_are_sent_fifty_a_request_and_each_once(infra: GitHubRepository, wire: ScriptedWire) -> None:
    told: list[int] = []

    async def progress(sent: int) -> None:
        told.append(sent)

    for _ in range(3):
        wire.expect(UPDATE, 200, {"id": 99})
    done = draft(status="completed", conclusion="failure", annotations=annotations(120))
    assert (await infra.update_check_run(99, done, progress=progress)).annotations == 120
    assert [lines(wire.sent(number)) for number in range(3)] == [
        list(range(1, 51)),
        list(range(51, 101)),
        list(range(101, 121)),
    ]
    assert {wire.sent(number)["conclusion"] for number in range(3)} == {"failure"}
    assert told == [50, 100, 120]


async def test_a_resumed_update_continues_where_it_stopped(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(UPDATE, 200, {"id": 99})
    await infra.update_check_run(99, draft(annotations=annotations(60)), annotations_sent=50)
    assert lines(wire.sent(0)) == list(range(51, 61))


async def test_github_is_asked_if_the_number_of_sent_annotations_is_unknown(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(COUNT, 200, counted(50))
    wire.expect(UPDATE, 200, {"id": 99})
    assert (
        await infra.update_check_run(99, draft(annotations=annotations(60)), annotations_sent=None)
    ).annotations == 60
    assert lines(wire.sent(1)) == list(range(51, 61))


async def test_annotations_whose_answer_was_lost_are_not_sent_twice(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(UPDATE, 502, b"")
    wire.expect(COUNT, 200, counted(2))
    assert (await infra.update_check_run(99, draft(annotations=annotations(2)))).annotations == 2


async def test_annotations_that_did_not_arrive_are_sent_again(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(UPDATE, failure=httpx.ReadTimeout)
    wire.expect(COUNT, 200, counted(0))
    wire.expect(UPDATE, 200, {"id": 99})
    assert (await infra.update_check_run(99, draft(annotations=annotations(2)))).annotations == 2
    assert lines(wire.sent(2)) == [1, 2]


async def test_annotations_that_github_refuses_are_left_out(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(UPDATE, 422, REFUSED)
    wire.expect(UPDATE, 200, {"id": 99})
    done = draft(status="completed", conclusion="failure", annotations=annotations(60))
    assert (await infra.update_check_run(99, done)).annotations == 0
    assert lines(wire.sent(1)) == []
    assert wire.sent(1)["conclusion"] == "failure"


async def test_an_update_without_annotations_is_repeated(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(UPDATE, 502, b"")
    wire.expect(UPDATE, 200, {"id": 99})
    await infra.update_check_run(99, draft())


async def test_an_update_that_is_refused_without_annotations_is_refused(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(UPDATE, 422, {"message": "Invalid request."})
    with pytest.raises(GitHubRefused):
        await infra.update_check_run(99, draft())


async def test_an_update_reports_that_github_is_down(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(IMPATIENT.attempts):
        wire.expect(UPDATE, 503, b"")
    with pytest.raises(
        GitHubUnavailable, match="GitHub answered 503 when Planward tried to update the check run planward/plan"
    ):
        await infra.update_check_run(99, draft())


# Drafts that are refused before they are sent


def test_a_conclusion_goes_with_completed_and_with_nothing_else() -> None:
    with pytest.raises(ValueError, match="exactly when it is completed"):
        draft(status="in_progress", conclusion="success")
    with pytest.raises(ValueError, match="exactly when it is completed"):
        draft(status="completed")


def test_a_fourth_button_is_refused() -> None:
    button = CheckRunAction(label="Apply", identifier="apply", description="Apply this plan")
    with pytest.raises(ValueError, match="at most 3 buttons"):
        draft(actions=(button,) * 4)


@pytest.mark.parametrize(
    ("label", "identifier", "description"),
    [("x" * 21, "i", "d"), ("l", "x" * 21, "d"), ("l", "i", "x" * 41), ("", "i", "d")],
)
def test_a_button_whose_text_github_would_refuse_is_refused(label: str, identifier: str, description: str) -> None:
    with pytest.raises(ValueError, match="button"):
        CheckRunAction(label=label, identifier=identifier, description=description)


# A check run that GitHub does not let us update


@pytest.mark.parametrize("status", [403, 404])
async def test_a_refusal_to_update_our_own_check_run_counts_as_temporary(
    infra: GitHubRepository, wire: ScriptedWire, status: int
) -> None:
    for _ in range(2):
        wire.expect(UPDATE, status, {"message": "Not this time"})
    wire.expect("GET /repos/acme/infra", body={"id": 42})
    wire.expect(COUNT, body={"app": {"id": APP_ID}})
    with pytest.raises(GitHubUnavailable, match="update the check run"):
        await infra.update_check_run(99, draft(status="completed", conclusion="success"))


@pytest.mark.parametrize("owned", [{"app": {"id": APP_ID + 1}}, {"app": None}])
async def test_a_check_run_of_another_app_is_refused(
    infra: GitHubRepository, wire: ScriptedWire, owned: dict[str, object]
) -> None:
    for _ in range(2):
        wire.expect(UPDATE, 403, {"message": "Invalid app_id"})
    wire.expect("GET /repos/acme/infra", body={"id": 42})
    wire.expect(COUNT, body=owned)
    with pytest.raises(GitHubRefused, match="Invalid app_id"):
        await infra.update_check_run(99, draft(status="completed", conclusion="success"))
