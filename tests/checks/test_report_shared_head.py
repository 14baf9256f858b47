"""One check run for several pull requests that share a head, and one comment for several environments."""

from checks.plan import Counts
from checks.rendering.comment import render_comment
from checks.rendering.markdown import render_check_run
from checks.report import RootReport, RunReport


def report(number: int | None, *, conclusion: str = "success", cause: str | None = None, add: int = 1) -> RunReport:
    """A plan of one root module in testing."""
    root = RootReport(
        root_module="network",
        environment="testing",
        workspace="default",
        outcome="planned",
        counts=Counts(add=add),
        digest="d",
        shape_digest="s",
    )
    return RunReport(
        operation="plan",
        environment="testing",
        repository="acme/infra",
        commit_sha="a" * 40,
        conclusion=conclusion,  # type: ignore[arg-type]
        cause=cause,
        roots=(root,),
        pull_request=number,
    )


def test_the_title_names_the_pull_request_that_it_is_about() -> None:
    worst = report(2, conclusion="failure", cause="network in testing: plan failed: no")
    assert render_check_run(worst, report(1)).title == "#2: network in testing: plan failed: no"


def test_a_pull_request_alone_is_not_named() -> None:
    assert render_check_run(report(None)).title == "1 to add in testing"


def test_each_pull_request_has_its_own_heading() -> None:
    output = render_check_run(report(2, add=2), report(1, add=1))
    assert output.title == "#2: 2 to add in testing"
    assert output.summary.index("## Pull request 2") < output.summary.index("## Pull request 1")


def test_the_comment_has_every_environment_in_the_order_given() -> None:
    def applied(environment: str) -> RunReport:
        return RunReport(
            operation="apply",
            environment=environment,
            repository="acme/infra",
            commit_sha="a" * 40,
            conclusion="cancelled" if environment == "staging" else "success",
            cause="contained in 1234567" if environment == "staging" else None,
        )

    body = render_comment(applied("production"), applied("staging"))
    assert body.index("### no root module touched") < body.index("### contained in 1234567")
