"""`planward config` of a working copy, and `planward import`."""

from pathlib import Path

from ghapp.repository_config.schema import schema_text
from tests.ghapp.cli.working_copy import CommandResult, Run, write


def test_config_check_reports_a_valid_config(run: Run, copy: Path) -> None:
    result = run("config", "check", copy)
    assert (result.status, result.err) == (0, "")
    assert result.out == "no .github/planward.yml, the defaults apply: no problem; 1 root module, testing, staging\n"


def test_config_check_of_a_file_says_each_problem_and_exits_with_1(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "planward.yml", "teem: payments\nconfirm: 5\n")
    result = run("config", "check", tmp_path / "planward.yml")
    assert result.status == 1
    assert len(result.out.splitlines()) == 2
    assert "planward.yml:1" in result.out


def test_config_schema_prints_the_schema(run: Run) -> None:
    assert run("config", "schema") == CommandResult(status=0, out=schema_text(), err="")


def test_config_show_shows_what_is_found(run: Run, copy: Path) -> None:
    result = run("config", "show", copy)
    assert result.status == 0
    assert "1 root module in 1 layer" in result.out


def test_import_prints_a_config_that_passes_the_check(run: Run, copy: Path) -> None:
    write(copy / "atlantis.yaml", "version: 3\nprojects:\n- dir: network\n  workspace: staging\nautomerge: true\n")
    result = run("import", copy / "atlantis.yaml")
    assert result.status == 0
    assert "network" in result.out
    assert result.err == "planward: automerge: Planward applies after the merge, and people press the merge button\n"
    assert "automerge" not in result.out
    write(copy / "imported.yml", result.out)
    assert run("config", "check", copy / "imported.yml").status == 0


def test_import_exits_with_1_if_something_is_unresolved_and_prints_that_first(run: Run, copy: Path) -> None:
    write(copy / "atlantis.yaml", "version: 3\nautomerge: true\nprojects:\n- dir: network\n  workspace: blue\n")
    result = run("import", copy / "atlantis.yaml")
    assert result.status == 1
    assert result.err == (
        'planward: unresolved: projects[0].workspace: "blue" is not an environment: assign the state to one with '
        "environments: "
        "{NAME: {workspace: blue}}\nplanward: automerge: Planward applies after the merge, and people press the merge "
        "button\n"
    )


def test_import_of_another_file_is_reported_in_one_line(run: Run, copy: Path) -> None:
    write(copy / "atlantis.yaml", "version: 9\n")
    result = run("import", copy / "atlantis.yaml")
    assert (result.status, result.out, result.err.count("\n")) == (1, "", 1)
