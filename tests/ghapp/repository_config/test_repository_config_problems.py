"""Files that are refused: where the problems are, and in which order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghapp.repository_config import ConfigInvalid, Problem, misplaced_config, read_config, read_config_in_force
from tests.examples import examples
from tests.ghapp.repository_config.reading import EXAMPLE, complaints, read


def test_the_first_line_is_the_first_problem_and_says_how_many_there_are() -> None:
    text = "environments:\n  staging:\n    brnach: x\n"
    with pytest.raises(ConfigInvalid) as caught:
        read(text)
    assert str(caught.value) == (
        '.github/planward.yml:3:5: environments.staging.brnach: unknown key; did you mean "branch"?'
    )
    with pytest.raises(ConfigInvalid) as caught:
        read(f"{text}drafts: 1\n")
    assert str(caught.value) == (
        '.github/planward.yml:3:5: environments.staging.brnach: unknown key; did you mean "branch"? '
        "(and 1 more problem)"
    )
    assert (caught.value.problems[1].line, caught.value.problems[1].column) == (4, 9)


def test_a_problem_found_later_stands_at_the_nearest_key_of_the_file() -> None:
    found = read(EXAMPLE)
    assert str(found.problem("root_modules[0].workspace", "no")) == (
        ".github/planward.yml:17:5: root_modules[0].workspace: no"
    )
    assert str(found.problem("root_modules[0].team", "no")) == ".github/planward.yml:16:5: root_modules[0].team: no"
    assert str(found.problem("", "no")) == ".github/planward.yml:1:1: no"


UNIMPLEMENTED = {
    'policies: ["policy/*.rego"]': "1:1: policies: is not implemented in this version of Planward; remove the key",
    'drift: {schedule: "0 6 * * 1-5"}': "1:1: drift: is not implemented in this version of Planward; remove the key",
    "identity: [{audience: sts.amazonaws.com}]": (
        "1:1: identity: is not implemented in this version of Planward; remove the key"
    ),
    "environments: {testing: {apply: on_pull_request}}": (
        "1:33: environments.testing.apply: on_pull_request is not implemented in this version of Planward; use never "
        "or on_merge"
    ),
    "notify: [{url: https://h/x, on: [drift]}]": (
        "1:34: notify[0].on[0]: drift is not implemented in this version of Planward; use one of failed, waiting, "
        "applied, promotion"
    ),
}


@pytest.mark.parametrize("text", UNIMPLEMENTED)
def test_an_unimplemented_key_is_an_error_with_its_line(text: str) -> None:
    assert complaints(text) == [UNIMPLEMENTED[text]]


@pytest.mark.parametrize("text", UNIMPLEMENTED)
def test_a_config_with_an_unimplemented_key_still_says_who_decides(text: str) -> None:
    found = read_config_in_force(f"{text}\nfour_eyes: false\n".encode(), branches=[], repository_name="infra")
    assert found.four_eyes is False
    assert [str(problem) for problem in found.unimplemented] == [f".github/planward.yml:{UNIMPLEMENTED[text]}"]
    with pytest.raises(ConfigInvalid, match="is not implemented in this version of Planward"):
        found.require_implemented()


@pytest.mark.parametrize(
    "path",
    [
        ".github/planward.yaml",
        ".github/Planward.yml",
        ".github/planwards.yml",
        ".github/plan-ward.yml",
        ".github/planwrad.yml",
        ".planward.yml",
        "planward.yaml",
    ],
)
def test_a_config_at_a_path_that_is_not_read_is_an_error(path: str) -> None:
    assert str(misplaced_config(["a.tf", ".github/planward.yml", path])) == (
        f"{path}:1:1: this file is not read: move its contents to .github/planward.yml, or rename it if it is "
        "something else"
    )


def test_a_config_at_its_place_and_files_of_other_names_are_no_error() -> None:
    others = ["docs/planward.yml", ".github/planward.md", ".github/workflows/planward.yml", ".github/planned.yml"]
    assert misplaced_config([".github/planward.yml", *others]) is None


def test_a_wrong_key_is_an_error_even_in_the_config_in_force() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_config_in_force(b"drift: {}\ntem: x\n", branches=[], repository_name="infra")
    assert [problem.key for problem in caught.value.problems] == ["drift", "tem"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a: [", "1:5: is not YAML: expected the node content, but found '<stream end>'"),
        (b"team: a: b", "1:8: is not YAML: mapping values are not allowed here"),
        (b"team: *x", "1:7: is not YAML: found undefined alias 'x'"),
        (b"a: b\n---\nc: d\n",
         "2:1: is not YAML: expected a single document in the stream, but found another document"),
        (b"team: a\ndrafts: \x07", "2:9: is not YAML: a character that YAML does not allow"),
        (b"team: a\nb: \xff", "2:4: is not UTF-8; save the file in that encoding"),
        (b"team: x\n" + b"#" * 262_144, "1:1: is larger than 256 KiB; make it smaller"),
        (b"%YAML 1.9\n---\nteam: a\n", "1:1: is not YAML 1.2; remove lines with %YAML"),
        (b"team: a\n%YAML 9.9\n", "1:1: is not YAML 1.2; remove lines with %YAML"),
        (b"[" * 5000, "1:1: is nested too deeply"),
        (b"team: &a [*a]", "1:7: team: must be a string, found a list"),
        (b"environments: &a {staging: *a}", "1:19: environments.staging.staging: unknown key; known here: branch, "
         "promote_from, preview, apply, parity, approvals, approvers, team"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_config_are_refused_with_their_line(content: bytes, complaint: str) -> None:
    assert complaints(content) == [complaint]


def test_all_problems_of_a_file_are_reported_in_its_order() -> None:
    text = """\
drafts: never
environments:
  production: {promote_from: stagin}
  staging: {brnach: x}
four_eyes: 1
team: a/b
"""
    assert [complaint.split(": ")[:2] for complaint in complaints(text)] == [
        ["1:9", "drafts"],
        ["3:30", "environments.production.promote_from"],
        ["4:13", "environments.staging.brnach"],
        ["5:12", "four_eyes"],
        ["6:7", "team"],
    ]


PIECES = st.sampled_from(
    [b"%YAML 1.1\n---\n", b"%TAG ! x\n", b"!!binary ", b"!!int x", b"&a ", b"*a", b"<<: ", b"? ", b": ", b"- ", b"|\n",
     b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b"#", b"\n", b"  ", b"\t", b"---\n", b"...\n", b"\xff", b"\x00",
     b"!<x>", b"%YAML 9.9\n", b"null",
     b"~", b"1e999", b"2026-99-99", b'"\\uD800"', b"@", b"%", b"team", b"environments", b"{x}", b".."]
)  # fmt: skip


@settings(max_examples=examples(300))
@given(st.lists(st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 20), PIECES), min_size=1, max_size=8))
def test_a_mangled_file_is_read_or_refused_with_lines(changes: list[tuple[int, int, bytes]]) -> None:
    content = EXAMPLE.encode()
    for start, length, piece in changes:
        content = content[:start] + piece + content[start + length :]
    problems: tuple[Problem, ...] = ()
    try:
        read_config(content, branches=[], repository_name="infra")
    except ConfigInvalid as invalid:
        problems = invalid.problems
    lines = content.count(b"\n") + 2
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in problems)
    assert all(str(problem).isprintable() for problem in problems)
