"""Which comments count as commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghapp.webhook.commands import Command, CommentText, NearMiss, read_comment
from tests.cores import CoreTime

SHA = "0123456789abcdef0123456789abcdef01234567"
APPROVE = f"planward approve {SHA}"


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (APPROVE, Command(verb="approve", sha=SHA)),
        (APPROVE.upper().replace("PLANWARD APPROVE", "planward approve"), Command(verb="approve", sha=SHA)),
        (f"  planward   confirm  {SHA}  ", Command(verb="confirm", sha=SHA)),
        (f"planward preview {SHA}", Command(verb="preview", sha=SHA)),
        (f"planward reject {SHA}", Command(verb="reject", sha=SHA)),
        (f"planward approve {SHA}{SHA[:24]}", Command(verb="approve", sha=SHA + SHA[:24])),  # SHA-256
        (f"planward apply {SHA} -e staging", Command(verb="apply", sha=SHA, environment="staging")),
        (f"planward apply -e staging {SHA}", Command(verb="apply", sha=SHA, environment="staging")),
        (
            f"planward apply {SHA} -e staging --override",
            Command(verb="apply", sha=SHA, environment="staging", override=True),
        ),
        (f"planward plan {SHA} -e staging", Command(verb="plan", sha=SHA, environment="staging")),
        ("planward plan", Command(verb="plan")),
        ("planward cancel", Command(verb="cancel")),
        ("planward help", Command(verb="help")),
        (
            "planward unlock -d network/my_core -e staging",
            Command(verb="unlock", root_module="network/my_core", environment="staging"),
        ),
        (f"I looked at it.\n\n{APPROVE}\n\nThanks!", Command(verb="approve", sha=SHA)),
        (f"I looked at it.\r\n{APPROVE}\r\nThanks! 👨‍👩‍👧", Command(verb="approve", sha=SHA)),
        (f"```\nplan\n```\n{APPROVE}", Command(verb="approve", sha=SHA)),
        (f"> planward cancel\n\n{APPROVE}", Command(verb="approve", sha=SHA)),
        (f"<!-- a template -->\n\n{APPROVE}", Command(verb="approve", sha=SHA)),
        (f"<!-- > -->\n{APPROVE}", Command(verb="approve", sha=SHA)),
        (f"<details>\n\nlog\n\n</details>\n\n{APPROVE}", Command(verb="approve", sha=SHA)),
    ],
)
def test_a_command_alone_on_its_line_counts(body: str, command: Command) -> None:
    assert read_comment(body) == CommentText(commands=(command,))


@pytest.mark.parametrize(
    "body",
    [
        f"> {APPROVE}",  # quoted
        f"> I said\n{APPROVE}",  # a quote continues until a blank line
        f"    {APPROVE}",  # code
        f"\t{APPROVE}",
        f"```\n{APPROVE}\n```",
        f"~~~text\n{APPROVE}\n~~~",
        f"````\n```\n{APPROVE}\n````",
        f"```\n{APPROVE}",  # a fence that never ends
        f"`a\n{APPROVE}\nb`",
        f"<!--\n{APPROVE}\n-->",
        f"seen <!--\n{APPROVE}\n--> by me",
        f"<!--\n\n{APPROVE}\n",  # a comment that never ends
        f"<details>\n\n{APPROVE}\n\n</details>",
        f"<div>\n{APPROVE}\n</div>",
        f"<span>\n{APPROVE}\n</span>",
        f"[a\n{APPROVE}\nb](https://example.com)",
        f"~~a\n{APPROVE}\nb~~",
        f"- a list\n{APPROVE}",
        f"please {APPROVE}",
        f"- {APPROVE}",
        "planward is a fine tool",
        "planward failed again, why?",
        "planward plans are read by nobody here, so let us talk about them instead",
        "",
    ],
)
def test_anything_else_does_nothing(body: str) -> None:
    assert read_comment(body) == CommentText()


WHOLE_SHA = "SHA stands for the commit's full SHA, all 40 digits; the check run shows the line to paste."
NOT_SHOWN = "The comment has an invisible or misleading character: type the line again instead of pasting it."


@pytest.mark.parametrize(
    ("body", "meant", "why"),
    [
        ("planward approve", "planward approve SHA", WHOLE_SHA),
        ("planward approve 0123456", "planward approve SHA", WHOLE_SHA),  # a short SHA can be forged in a moment
        (f"planward approve {SHA[:39]}", "planward approve SHA", WHOLE_SHA),
        (f"planward approve {SHA}0", "planward approve SHA", WHOLE_SHA),
        ("planward approve main", "planward approve SHA", WHOLE_SHA),
        (
            f"planward apply {SHA}",
            f"planward apply {SHA} -e ENVIRONMENT",
            "Replace ENVIRONMENT with the name of the environment.",
        ),
        ("planward apply -e staging", "planward apply SHA -e staging", WHOLE_SHA),
        (f"planward approve {SHA} please", APPROVE, "`planward approve` does not take `please`."),
        (f"planward approve {SHA} --override", APPROVE, "`planward approve` does not take `--override`."),
        (f"planward approve {SHA} {SHA}", APPROVE, ""),
        ("planward plan -d app", "planward plan", "`planward plan` does not take `-d`."),
        ("planward plan -e staging", "planward plan SHA -e staging", WHOLE_SHA),
        (
            "planward unlock -d network",
            "planward unlock -d network -e ENVIRONMENT",
            "Replace ENVIRONMENT with the name of the environment.",
        ),
        ("planward unlock --dir=network --environment=eu", "planward unlock -d network -e eu", ""),
        (
            "planward unlock",
            "planward unlock -d DIR -e ENVIRONMENT",
            "Replace DIR with the root module's directory and ENVIRONMENT with the name of the environment.",
        ),
        ("Planward Plan", "planward plan", ""),
        ("@planward plan", "planward plan", ""),
        ("planward aprove", "planward approve SHA", WHOLE_SHA),
        (f"Planward approve {SHA}", APPROVE, ""),
        (f"planward approve {SHA.upper()}!", "planward approve SHA", WHOLE_SHA),
        (f"planward\u00a0approve {SHA}", APPROVE, NOT_SHOWN),
        (f"planward approve {SHA}\u200b", APPROVE, NOT_SHOWN),
        (f"planward approve {SHA[:20]}\u200d{SHA[20:]}", APPROVE, NOT_SHOWN),
        (f"planward approve {SHA}\ufe0f", APPROVE, NOT_SHOWN),
        (f"planward approve {SHA}\u3164", APPROVE, NOT_SHOWN),
        (f"\ufeff{APPROVE}", APPROVE, NOT_SHOWN),
        (f"{APPROVE}\x00", APPROVE, NOT_SHOWN),
    ],
)
def test_a_near_miss_is_answered_with_the_intended_command(body: str, meant: str, why: str) -> None:
    found = read_comment(body)
    assert found.commands == ()
    assert [(each.meant, each.why) for each in found.near_misses] == [(meant, why)]


def test_a_near_miss_is_quoted_as_it_looks() -> None:
    assert read_comment("Planward  Plan").near_misses == (NearMiss(written="Planward Plan", meant="planward plan"),)


def test_no_more_than_three_near_misses_of_a_comment_are_answered() -> None:
    assert len(read_comment("\n".join(["Planward Plan"] * 9)).near_misses) == 3


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_at_a_line_feed_only(end: str) -> None:
    assert read_comment(f"> quoted{end}{APPROVE}").commands == ()
    assert read_comment(f"text{end}{APPROVE}").commands == ()
    found = read_comment(f"text{end}more\n\n{APPROVE}")
    assert found.commands == ()
    assert [each.why for each in found.near_misses] == [NOT_SHOWN]


@pytest.mark.parametrize("character", "\u061c\u200e\u200f\u202a\u202e\u2066\u2069")
def test_a_comment_that_turns_the_direction_of_text_holds_no_command(character: str) -> None:
    found = read_comment(f"fine{character}\n\n{APPROVE}")
    assert (found.commands, len(found.near_misses)) == ((), 1)


def test_several_commands_are_read_in_order() -> None:
    assert [each.verb for each in read_comment("planward plan\nplanward cancel").commands] == ["plan", "cancel"]


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_command_is_the_whole_line_or_none(before: str, after: str) -> None:
    found = read_comment(f"{before}{APPROVE}{after}").commands
    if found:
        assert before == "" or before.endswith("\n") or not before.rpartition("\n")[2].strip(" ")
        assert after == "" or after.startswith(("\n", "\r\n")) or not after.partition("\n")[0].strip(" \r")


@pytest.mark.parametrize(
    "part", ["[", "*a_", "> ", "`", "<!--", "![](", "a\n", "- ", "~~", "| a ", "\\", "&amp;", "]("]
)
def test_a_hostile_comment_is_read_in_a_moment(part: str) -> None:
    body = (part * 65_536)[: 65_536 - 100] + f"\n\n{APPROVE}"
    for hostile in (body, (part * 8_000)[: 8_000 - 100] + f"\n\n{APPROVE}"):
        with CoreTime() as took:
            read_comment(hostile)
        assert took.seconds < 0.5
