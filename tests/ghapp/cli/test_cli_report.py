"""`planward report`: the report of a plan that another tool made."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ghapp.cli.working_copy import Run, write


@pytest.fixture
def plan_json(tmp_path: Path) -> Path:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(plan_of({"size": 1})))
    return path


def plan_of(after: dict[str, object], **more: object) -> dict[str, object]:
    change = {
        "address": "terraform_data.net",
        "mode": "managed",
        "type": "terraform_data",
        "name": "net",
        "provider_name": "terraform.io/builtin/terraform",
        "change": {
            "actions": ["create"],
            "before": None,
            "after": after,
            "after_unknown": {},
            "before_sensitive": False,
            "after_sensitive": {},
        },
    }
    return {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": [change], **more}


def test_report_prints_the_report_of_a_plan_that_others_made(run: Run, plan_json: Path) -> None:
    result = run("report", plan_json, "-e", "staging")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(
        "1 to add in staging\nPlanned network in staging, with Terraform 1.11.4.\n\nnetwork in staging: 1 to add\n"
    )


def test_report_against_a_reviewed_plan_says_what_is_done_differently(
    run: Run, plan_json: Path, tmp_path: Path
) -> None:
    reviewed = tmp_path / "reviewed.json"
    reviewed.write_text(json.dumps(plan_of({"size": 2})))
    assert (
        "The plan differs from the one that was reviewed: 1 changed."
        in run("report", plan_json, "--against", reviewed).out
    )
    same = run("report", plan_json, "--against", plan_json).out
    assert "The plan does the same as the one that was reviewed." in same


def test_report_of_an_incomplete_plan_is_a_failure(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(plan_of({"size": 2}, errored=True)))
    result = run("report", path)
    assert (result.status, result.out.splitlines()[0]) == (
        1,
        "network: an error ended the plan early",
    )


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_report_without_an_environment_names_none_and_gives_no_advice(run: Run, plan_json: Path, form: str) -> None:
    other = plan_json.with_name("app.json")
    other.write_text(plan_json.read_text())
    result = run("report", plan_json, other, "--format", form)
    assert result.status == 0
    assert "2 to add" in result.out
    for word in ("testing", "planward.yml", " in :", " in ."):
        assert word not in result.out
    assert "planward.yml" not in run("report", plan_json, "-e", "testing", "--format", form).out


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["network/plan.json", "app/plan.json"], ["network", "app"]),
        (["live/network/tfplan.json", "test/network/tfplan.json"], ["live/network", "test/network"]),
        (["network/prod.json", "app/prod.json"], ["network/prod", "app/prod"]),
        (["network.json", "app.json"], ["network", "app"]),
        (["a/plan.json", "b/a/plan.json"], ["a", "b/a"]),
        (["plan.json", "app/plan.json"], [".", "app"]),
        (["stacks/network/plan.json"], ["network"]),
    ],
)
def test_report_distinguishes_files_of_one_name_by_their_directories(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in files:
        write(tmp_path / file, json.dumps(plan_of({"size": 1})))
    told = json.loads(run("report", *files, "--format", "json").out)
    assert [root["root_module"] for root in told["root_modules"]] == names


def test_report_refuses_one_file_twice(run: Run, plan_json: Path) -> None:
    result = run("report", plan_json, plan_json)
    assert result.status == 2
    assert f"{plan_json} is given twice" in result.err


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        ({"resource_changes": []}, 0),
        ({}, 2),
        ({"resource_changes": [], "output_changes": {"a": {"actions": ["create"], "after": 1}}}, 2),
        ({"errored": True}, 1),
    ],
)
def test_report_exits_with_2_for_changes_where_it_is_asked_to(
    run: Run, tmp_path: Path, plan: dict[str, Any], status: int
) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(plan_of({"size": 1}, **plan)))
    assert run("report", path, "--detailed-exitcode").status == status
    assert run("report", path).status == (1 if status == 1 else 0)


def test_report_marks_an_incomplete_plan_in_its_row(run: Run, plan_json: Path) -> None:
    part = plan_json.with_name("app.json")
    part.write_text(json.dumps(plan_of({"size": 1}, errored=True)))
    result = run("report", plan_json, part, "--format", "markdown").out
    assert "| `app` | 1 | **only a part: Terraform could not finish the plan** |" in result
    assert "| `network` | 1 |  |" in result


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_report_reads_what_powershell_writes(run: Run, plan_json: Path, encoding: str) -> None:
    plan_json.write_bytes(plan_json.read_text().encode(encoding))
    assert run("report", plan_json).out.startswith("1 to add\n")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"format_version": "1.0"}', "it contains no part of a plan"),
        ('{"format_version": "1.0", "values": {}}', "not a Terraform plan but a state"),
        ('{"version": 4, "serial": 1, "lineage": "x", "resources": []}', "not a Terraform plan but a state file"),
    ],
)
def test_report_refuses_a_state_and_an_empty_object(run: Run, tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    refused = run("report", path)
    assert (refused.status, refused.out) == (1, "")
    assert complaint in refused.err
    assert "terraform show -json PLANFILE" in refused.err


def test_report_names_a_file_that_is_not_a_plan(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    result = run("report", path)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith(f"planward: {path}: not a Terraform plan in JSON form")
    assert result.err.count("\n") == 1


def test_report_against_takes_one_plan(run: Run, plan_json: Path) -> None:
    result = run("report", plan_json, plan_json, "--against", plan_json)
    assert result.status == 2
    assert result.err == "planward: --against takes exactly one PLAN_JSON to compare. See planward report --help\n"
