"""No value from Vault appears in a check run, comment, deployment, page, log, database, file or argument list."""

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.stories.line import Line
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually

PASSWORD = "correct-horse-battery-staple"
TOKEN = "tok-9f86d081884c7d659a2feaa0c55ad015"
PEM = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEF\nAASCBKgwggSkAgEAAoIBAQC7VJTU\n-----END PRIVATE KEY-----"
)
SECRETS = (PASSWORD, TOKEN, "MIIEvgIBADANBgkqhkiG9w0BAQEF", "AASCBKgwggSkAgEAAoIBAQC7VJTU")

TELLS_ALL = """\
variable "pem" {
  type = string
}

output "told" {
  value = nonsensitive(var.db_password)
}

output "encoded" {
  value = nonsensitive(jsonencode({ password = var.db_password, both = base64encode(var.db_password) }))
}

resource "terraform_data" "told" {
  input = [nonsensitive(var.db_password), var.pem]

  provisioner "local-exec" {
    command     = "echo $SESSION_TOKEN; echo $PASSWORD" # not as an argument, which anybody on the machine can read
    environment = { PASSWORD = nonsensitive(var.db_password) }
  }
}
"""
GENERATES = """\
resource "terraform_data" "password" {
  input = sensitive(uuid())

  lifecycle {
    ignore_changes = [input]
  }
}
"""
PRINTS_WHAT_IS_GENERATED = """\
resource "terraform_data" "printed" {
  provisioner "local-exec" {
    command     = "echo \\"made $GENERATED\\"; exit FAILS"
    environment = { GENERATED = nonsensitive(terraform_data.password.input) }
  }
}
"""
FAILS_ON_WHAT_THE_STATE_HOLDS = """\
resource "terraform_data" "wrong_too" {
  lifecycle {
    precondition {
      condition     = nonsensitive(terraform_data.password.input) == ""
      error_message = "The generated password ${nonsensitive(terraform_data.password.input)} is too long."
    }
  }
}
"""
FAILS_AND_TELLS = """\
resource "terraform_data" "wrong" {
  input = nonsensitive(var.db_password)

  lifecycle {
    precondition {
      condition     = length(var.db_password) == 0
      error_message = "The password ${nonsensitive(var.db_password)} is too long."
    }
  }
}
"""


def secretive(line: Line, *branches: str) -> Story:
    """A repository whose environments of these branches have secrets of each form."""
    story = line.story(secrets=False)
    for branch in branches:
        story.secret(branch, db_password=PASSWORD, pem=PEM)
        story.secret(branch, "env", SESSION_TOKEN=TOKEN)
    return story


@pytest.mark.both_databases
def test_no_secret_and_no_generated_password_appears_although_a_plan_and_an_apply_print_them(line: Line) -> None:
    story = secretive(line, "testing", "staging")
    with watched_programs() as programs:
        extra = TELLS_ALL + GENERATES + PRINTS_WHAT_IS_GENERATED.replace("FAILS", "0")
        number = story.propose(story.root_module("network", size=2, extra=extra))
        story.land(number)
    assert any("terraform" in program for program in programs)
    log = run_log(story, story.applied(story.tip("staging")))
    assert "(local-exec): (sensitive)" in log  # it was printed, and it was hidden
    assert "made (sensitive)" in log
    assert log.index("terraform_data.password: Creation complete") < log.index("made (sensitive)")
    assert told(line, story, [number], programs, generated(story)) == []
    assert story.state("network", "staging")["terraform_data.told"][0]["input"]["value"] == [PASSWORD, PEM]


def test_no_secret_and_no_value_marked_in_the_state_appears_in_the_errors_of_an_apply_or_a_plan(line: Line) -> None:
    story = secretive(line, "testing", "staging")
    # Terraform itself quotes the command, and the password with it.
    told_in_command = ("$GENERATED", "${nonsensitive(terraform_data.password.input)}")
    extra = GENERATES + PRINTS_WHAT_IS_GENERATED.replace("FAILS", "1").replace(*told_in_command)
    printing = story.propose(story.root_module("network", size=2, extra=extra))
    assert story.planned(printing)["conclusion"] == "success"
    check = story.applied(story.merge(printing))
    assert check["conclusion"] == "failure"
    password = generated(story)
    log = run_log(story, check)
    assert 'Executing: ["/bin/sh" "-c" "echo \\"made (sensitive)\\"; exit 1"]' in log
    assert "(local-exec): made (sensitive)" in log
    assert log.index("terraform_data.password: Creation complete") < log.index("made (sensitive)")
    assert "made (sensitive)" in check["output"]["summary"]

    extra = FAILS_AND_TELLS + GENERATES + FAILS_ON_WHAT_THE_STATE_HOLDS
    quoting = story.propose(story.root_module("network", extra=extra), head="next")
    check = story.planned(quoting)
    assert (
        story.first_line(check) == "network in staging: plan failed: Resource precondition failed (network/main.tf:23)"
    )
    for message in ("The password (sensitive) is too long.", "The generated password (sensitive) is too long."):
        assert message in check["output"]["summary"]
        assert message in run_log(story, check)
    assert told(line, story, [printing, quoting], [], password) == []


def generated(story: Story) -> str:
    """The password that Terraform generated in staging."""
    return str(story.state("network", "staging")["terraform_data.password"][0]["input"]["value"])


def test_secrets_lie_in_a_private_file_outside_of_the_checkout_until_terraform_ends_or_is_cancelled(line: Line) -> None:
    story = line.story(testing=True)
    expected = {story.password("staging"), story.password("testing")}
    for head in ("to its end", "cancelled"):
        with slow_place() as slow:
            extra = slow.data("waits") if head == "to its end" else slow.module("waits")
            number = story.propose({"network/wait.tf": extra}, head=head.replace(" ", "-"))
            eventually(lambda: slow.asked, "Terraform waits")
            files = list((line.directory / "data").rglob("*.tfvars.json"))
            passwords = {json.loads(file.read_text())["db_password"] for file in files}
            # Perhaps Terraform waits in only one environment: runs may take turns, or only one init may run.
            assert passwords
            assert passwords <= expected
            for file in files:
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
                assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
                assert not list(file.parent.rglob("main.tf"))
            if head == "to its end":
                slow.let_go()
            else:
                story.edit(number, state="closed")
            story.planned(number)
        directories = (line.directory / "data" / "runs", line.directory / "data" / "mirrors" / "checkouts")
        left = {path.name for directory in directories for path in directory.rglob("*")}
        assert left <= {".lock"}, head


def told(line: Line, story: Story, numbers: list[int], programs: list[str], *more: str) -> list[str]:
    """The places at which a secret can be read, of all places that people and other programs can see."""
    story.quiet()
    seen = {
        "the pull requests": json.dumps([story.comments(number) for number in numbers]),
        "the deployments": json.dumps(story.deployments("staging")),
        "what GitHub was sent": repr([request.body for request in line.github.requests]),
        "the log": line.log(),
        "the arguments of programs": "\n".join(programs),
    }
    for sha in {*map(story.head, numbers), story.tip("staging")}:
        for check in story.get(f"/commits/{sha}/check-runs", filter="all")["check_runs"]:
            seen[f"the check run {check['name']}"] = json.dumps([check, story.annotations(check)])
            seen[f"the page of {check['name']}"] = page(check["details_url"]) + run_log(story, check)
    secrets = [*SECRETS, *more, *credentials(line)]
    # JSON and HTML do not escape any of these characters.
    found = [place for place, text in seen.items() if any(secret in text for secret in secrets)]
    for path in files(line.directory / "data"):
        content = path.read_bytes()
        found += [str(path) for secret in secrets if secret.encode() in content]
    for table, rows in tables(line).items():
        # PostgreSQL writes bytes as hexadecimal digits.
        found += [table for secret in secrets if secret in rows or secret.encode().hex() in rows]
    return found


def credentials(line: Line) -> list[str]:
    """Planward's own credentials for Vault and GitHub."""
    with line.github.world.lock:
        tokens = list(line.github.world.installation_tokens)
    assert tokens
    return [*tokens, line.environ["VAULT_TOKEN"], line.environ["PLANWARD_GITHUB_PRIVATE_KEY"].splitlines()[1]]


def files(directory: Path) -> Iterator[Path]:
    """Every file in Planward's directory."""
    yield from (path for path in directory.rglob("*") if path.is_file())


def tables(line: Line) -> dict[str, str]:
    """The rows of each PostgreSQL table as text, by the table's name. SQLite's rows are in a file, so it has none."""
    if line.environ["PLANWARD_DATABASE_URL"].startswith("sqlite"):
        return {}
    names = line.query(
        "select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables "
        "where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
    )
    assert len(names) > 20  # the store's, and the engine's
    return {
        each["name"]: str(line.query(f"select string_agg(t::text, ' ') as rows from {each['name']} t")[0]["rows"])
        for each in names
    }


def page(url: str) -> str:
    """The content of a page without its markup."""
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200
    return answer.text


def run_log(story: Story, check: dict[str, str]) -> str:
    """The log of the run that a check run shows."""
    return page(f"{check['details_url']}/log?format=text")


@contextmanager
def watched_programs() -> Iterator[list[str]]:
    """Collect the arguments of all programs that run on this machine, as every user of it can read them.

    A process whose arguments have not changed for a second is read once a second.
    """
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        known: dict[str, tuple[bytes, int]] = {}
        turn = 0
        while not done.wait(0.02):
            turn += 1
            running = [each for each in os.listdir("/proc") if each.isdigit()]  # noqa: PTH208 - much quicker
            known = {each: known.get(each, (b"", turn)) for each in running}
            for process, (said, since) in known.items():
                if turn - since > 50 and (turn - since) % 50:
                    continue
                try:
                    arguments = Path(f"/proc/{process}/cmdline").read_bytes()
                except OSError:
                    continue  # it has ended
                if arguments != said:
                    known[process] = (arguments, turn)
                    seen.add(arguments.replace(b"\0", b" ").decode(errors="replace"))

    watching = threading.Thread(target=watch)
    watching.start()
    found: list[str] = []
    try:
        yield found
    finally:
        done.set()
        watching.join()
        found += sorted(seen)
