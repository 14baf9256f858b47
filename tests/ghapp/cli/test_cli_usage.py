"""Help, wrong use and missing settings of every command."""

import click
import pytest

from ghapp.cli import planward
from tests.ghapp.cli.working_copy import CommandResult, Run


def commands() -> list[list[str]]:
    found: list[list[str]] = []
    context = click.Context(planward)
    for name in planward.list_commands(context):
        found.append([name])
        found += [[name, inner] for inner in sorted(getattr(planward.get_command(context, name), "commands", {}))]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert (result.status, result.err) == (0, "")
    assert "Example" in result.out


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["applly"], "planward: No such command 'applly'. See planward --help\n"),
        (["plan", "--colour"], "planward: No such option '--colour'. See planward plan --help\n"),
        (["report"], "planward: Missing argument 'PLAN_JSON...'. See planward report --help\n"),
        (["config", "check", "nowhere"], None),
        (["serve", "--port", "x"], None),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(run: Run, words: list[str], err: str | None) -> None:
    result = run(*words)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("planward: ")
    assert err is None or result.err == err


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_setting_that_is_missing_is_named_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("PLANWARD_GITHUB_APP_ID", raising=False)
    assert run(command) == CommandResult(
        status=1,
        out="",
        err="planward: PLANWARD_GITHUB_APP_ID is not set: set it to the number on the App's settings page\n",
    )
