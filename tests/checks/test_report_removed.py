"""A removed root module is in the title, with the resources in its state."""

import pytest

from checks.report import RemovedRoot, RunReport, notes_on_removed


def removed(name: str = "app", resources: int | None = 12) -> RemovedRoot:
    return RemovedRoot(root_module=name, environment="staging", resources=resources)


@pytest.mark.parametrize(
    ("gone", "title"),
    [
        ([removed()], "1 root module removed: its 12 resources stay"),
        ([removed(resources=1)], "1 root module removed: its 1 resource stays"),
        ([removed(), removed("net", 3)], "2 root modules removed: their 15 resources stay"),
        ([removed(), removed("net", None)], "2 root modules removed: their resources stay"),
        ([removed(resources=0)], "1 root module removed, without resources"),
    ],
)
def test_the_title_counts_what_stays(gone: list[RemovedRoot], title: str) -> None:
    report = RunReport(
        operation="apply",
        environment="staging",
        repository="acme/infra",
        commit_sha="a" * 40,
        conclusion="success",
        removed=tuple(gone),
    )
    assert report.title == f"no root module touched; {title}"


def test_a_remedy_is_shown_if_resources_remain() -> None:
    stays, nothing = notes_on_removed([removed(), removed("net", 0)])
    assert stays == (
        "`app` is removed, but the 12 resources in its state in staging are not destroyed: they stay, and Terraform no "
        "longer manages them. To destroy them, first merge a change that removes the resources and keeps the backend, "
        "then remove the directory. A renamed directory keeps its state if its backend and workspace stay the same."
    )
    assert nothing == "`net` is removed; its state in staging is empty."
