"""The picture of the changes, and the difference from the review."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from checks.plan import read_plan
from checks.plan.parity import summarize
from checks.rendering.html import render_html
from checks.rendering.markdown import render_check_run
from checks.rendering.picture import MOST_NODES, render_picture
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport
from checks.report.change_report import ChangeReport
from checks.report.graph import Dependency
from checks.report.root_reports import report_plan
from checks.sensitive import Mask

HERE = Path(__file__).parent
PLANS, GOLDEN = HERE / "plans", HERE / "golden" / "pictures"
KEY = b"key of the tests"


def root_of(case: str, reviewed: str | None = None) -> RootReport:
    reviewed_plan = read_plan((PLANS / reviewed / "plan.json").read_bytes()) if reviewed else None
    return report_plan(
        read_plan((PLANS / case / "plan.json").read_bytes()),
        root_module="infra",
        environment="testing",
        workspace="testing",
        mask=Mask.none(),
        digest_key=KEY,
        reviewed=summarize(reviewed_plan, mask=Mask.none(), key=KEY) if reviewed_plan else None,
    )


def run_of(root: RootReport) -> RunReport:
    return RunReport(
        operation="plan",
        environment="testing",
        repository="acme/infra",
        commit_sha="a" * 40,
        conclusion="success",
        roots=(root,),
    )


@pytest.mark.parametrize("case", ["report_dependencies", "report_aws_network", "modules", "destroy"])
def test_a_real_plan_is_drawn_as_its_golden_file(case: str) -> None:
    picture = render_picture(root_of(case))
    assert picture is not None
    path = GOLDEN / f"{case}.svg"
    if os.environ.get("PLANWARD_REWRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    assert picture == path.read_text(encoding="utf-8")


def test_dependents_are_found_through_locals_variables_and_outputs() -> None:
    assert root_of("report_dependencies").dependents == (
        Dependency("module.app.terraform_data.server", ("terraform_data.subnet",)),
        Dependency("terraform_data.dns", ("module.app.terraform_data.server",)),
        Dependency("terraform_data.subnet", ("terraform_data.network",)),
    )


def test_a_plan_without_changes_has_no_picture() -> None:
    assert render_picture(root_of("no_changes")) is None


def change(address: str, section: str = "add") -> ChangeReport:
    return ChangeReport(address=address, type="t", action="create", section=section)  # type: ignore[arg-type]


def root_with(changes: tuple[ChangeReport, ...], dependents: tuple[Dependency, ...] = ()) -> RootReport:
    return RootReport(
        root_module=".",
        environment="testing",
        workspace="default",
        outcome="planned",
        changes=changes,
        dependents=dependents,
    )


def test_a_large_plan_is_folded_by_module() -> None:
    changes = [change(f"module.m{n % 20}.aws_x.r{n}") for n in range(400)] + [change(f"aws_y.r{n}") for n in range(50)]
    changes.insert(0, change("module.m3.aws_x.gone", "destroy"))
    dependents = tuple(Dependency(f"module.m{n}.aws_x.r{n}", (f"module.m{n + 1}.aws_x.r{n + 1}",)) for n in range(18))
    picture = render_picture(root_with(tuple(changes), dependents))
    assert picture is not None
    labels = re.findall(r"<text [^>]*>([^<]*)</text>", picture)
    assert "+ aws_y.* ×50" in labels
    assert "- module.m3 ×21" in labels
    assert len(labels) == 21 <= MOST_NODES
    assert picture.count("marker-end") == 18


def test_a_circle_between_folded_modules_is_drawn() -> None:
    changes = tuple(change(f"module.m{n % 2}.aws_x.r{n}") for n in range(200))
    circle = (
        Dependency("module.m0.aws_x.r0", ("module.m1.aws_x.r1",)),
        Dependency("module.m1.aws_x.r3", ("module.m0.aws_x.r2",)),
    )
    picture = render_picture(root_with(changes, circle))
    assert picture is not None
    assert picture.count("marker-end") == 2


def test_hostile_addresses_stay_text() -> None:
    picture = render_picture(root_with((change('aws_x.y</text><script>alert("1")</script>&'),)))
    assert picture is not None
    tags = {element.tag.split("}")[1] for element in ElementTree.fromstring(picture).iter()}
    assert tags == {"svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"}


def test_a_plan_that_does_the_same_as_the_reviewed_one_says_so() -> None:
    summary = render_check_run(run_of(root_of("update", reviewed="update"))).summary
    assert "The plan does the same as the one that was reviewed." in summary


def test_a_plan_that_differs_from_the_reviewed_one_says_how() -> None:
    run = run_of(root_of("replace_delete_first", reviewed="update"))
    summary = render_check_run(run).summary
    assert "The plan differs from the one that was reviewed: 1 new, 1 gone." in summary
    assert "- new: `terraform_data.database` is replaced; the reviewed plan left it alone" in summary
    assert (
        "- gone: `terraform_data.server` was to be changed in place in the reviewed plan; this plan leaves it alone"
        in summary
    )
    assert "new: terraform_data.database is replaced; the reviewed plan left it alone" in render_text(run)
    assert "<li>new: <code>terraform_data.database</code> is replaced" in render_html(run)


def test_a_resource_that_is_planned_differently_names_the_attributes() -> None:
    summary = render_check_run(run_of(root_of("update", reviewed="create"))).summary
    assert "- changed: `terraform_data.server` is changed in place instead of created" in summary
