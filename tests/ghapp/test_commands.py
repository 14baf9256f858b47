"""Which comments count as commands."""

import pytest

from ghapp.webhook.commands import Command, read_commands

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (f"planward approve {SHA}", Command(verb="approve", sha=SHA)),
        ("planward approve 0123456", Command(verb="approve", sha="0123456")),
        ("planward approve ABCDEF01", Command(verb="approve", sha="abcdef01")),
        ("  planward   confirm  0123456  ", Command(verb="confirm", sha="0123456")),
        ("planward reject 0123456", Command(verb="reject", sha="0123456")),
        ("planward apply 0123456 -e staging", Command(verb="apply", sha="0123456", environment="staging")),
        ("planward apply -e staging 0123456", Command(verb="apply", sha="0123456", environment="staging")),
        ("planward plan", Command(verb="plan")),
        ("planward cancel", Command(verb="cancel")),
        ("planward help", Command(verb="help")),
        ("planward unlock -d network/core", Command(verb="unlock", root_module="network/core")),
        ("I looked at it.\n\nplanward approve 0123456\n\nThanks!", Command(verb="approve", sha="0123456")),
        ("```\nplan\n```\nplanward approve 0123456", Command(verb="approve", sha="0123456")),
    ],
)
def test_a_command_alone_on_its_line_counts(body: str, command: Command) -> None:
    assert read_commands(body) == (command,)


@pytest.mark.parametrize(
    "body",
    [
        "planward approve",  # without the SHA
        "planward approve 012345",  # too short
        f"planward approve {SHA}0",  # too long
        "planward approve main",
        "planward apply 0123456",  # where?
        "> planward approve 0123456",  # quoted
        "    planward approve 0123456",  # code
        "\tplanward approve 0123456",
        "```\nplanward approve 0123456\n```",
        "~~~text\nplanward approve 0123456\n~~~",
        "````\n```\nplanward approve 0123456\n````",
        "```\nplanward approve 0123456",  # a fence that never ends
        "please planward approve 0123456",
        "planward approve 0123456 please",
        "`planward approve 0123456`",
        "- planward approve 0123456",
        "Planward approve 0123456",
        "planward approve 0123456; planward approve 0123456",
        "planward destroy 0123456",
        "",
    ],
)
def test_anything_else_does_not_count(body: str) -> None:
    assert read_commands(body) == ()


def test_several_commands_are_read_in_order() -> None:
    assert [each.verb for each in read_commands("planward plan\nplanward cancel")] == ["plan", "cancel"]
