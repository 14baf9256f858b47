"""Lines that may quote a secret are withheld until the secret is known, in a root run's log and in its report."""

import asyncio
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from checks.diagnostic import Diagnostic
from checks.plan import Plan, read_plan
from checks.sensitive import Mask
from ghapp.flows.root_module.known_secrets import KnownSecrets
from ghapp.flows.root_module.run_log import RunLog
from ghapp.terraform import Terraform, prepare_workdir

PASSWORD = "f3a1-generated-7731"
ERROR = Diagnostic(severity="error", summary="local-exec provisioner error", detail=f"echo {PASSWORD}: exit status 1")


def logged(log: RunLog) -> str:
    log.end()
    return "\n".join(_kept(log))


def test_a_line_that_may_quote_a_secret_waits_for_the_mask_that_knows_it() -> None:
    log = RunLog(Mask.none())
    log("net: Creating...")
    log.foreign(f"net: (local-exec): {PASSWORD}")
    assert log.has_withheld_lines
    log("net: Creation complete")
    log.learn(Mask.of([PASSWORD]))
    assert not log.has_withheld_lines
    log(f"again {PASSWORD}")
    assert logged(log).splitlines() == [
        "net: Creating...",
        "net: Creation complete",
        "net: (local-exec): (sensitive)",
        "again (sensitive)",
    ]


def test_a_line_whose_mask_never_came_is_left_out_and_counted() -> None:
    log = RunLog(Mask.none())
    log.foreign(PASSWORD)
    log.foreign("harmless")
    assert logged(log) == (
        "2 lines of errors or provisioners are left out because they may hold values that only the state marks "
        "as secret"
    )


def test_the_beginning_of_a_secret_stays_hidden_when_another_secret_is_learned() -> None:
    log = RunLog(Mask.of(["first\nsecond-line"]))
    log("first")
    log.learn(Mask.of([PASSWORD]))
    assert "first" not in logged(log)


def test_withheld_lines_take_a_limited_amount_of_memory() -> None:
    log = RunLog(Mask.none())
    for _ in range(50):
        log.foreign("x" * 1_000_000)
    log.learn(Mask.none())
    assert len(logged(log)) < 6_000_000


def plan_that_makes(**marks: Any) -> Plan:
    change = {"actions": ["create"], "before": None, "after": {}, "before_sensitive": False, **marks}
    resource = {"address": "random_password.db", "type": "random_password", "name": "db", "change": change}
    return read_plan(json.dumps({"format_version": "1.2", "resource_changes": [resource]}).encode())


def learned(directory: Path, state: str, plan: Plan) -> tuple[str, tuple[Diagnostic, ...], Mask]:
    """The log, the diagnostics and the mask after an apply. `state` is the engine's script, which prints the state."""
    engine = directory / "engine.py"
    engine.write_text(textwrap.dedent(state))
    terraform = Terraform(argv=(sys.executable, "-I", "-S", str(engine)), name="terraform", version="1.11.4")
    (directory / "checkout/network").mkdir(parents=True)
    secrets, log = KnownSecrets(["network"]), RunLog(Mask.none())
    log.foreign(f"(local-exec): {PASSWORD}")

    async def learn() -> tuple[Diagnostic, ...]:
        async with prepare_workdir(
            directory / "runs", checkout=directory / "checkout", root_module="network"
        ) as workdir:
            return await secrets.learn_from_state(terraform, workdir, log, plan, (ERROR,))

    diagnostics = asyncio.run(learn())
    assert not list(directory.rglob("*.json"))  # no copy of the state is left afterwards
    return logged(log), diagnostics, secrets.mask


MAKES_A_SECRET = {"after_sensitive": {"result": True}, "after_unknown": {"result": True}}


def test_secrets_that_an_apply_created_are_learned_from_the_state(tmp_path: Path) -> None:
    resource = {"values": {"result": PASSWORD}, "sensitive_values": {"result": True}}
    state = {"format_version": "1.0", "values": {"root_module": {"child_modules": [{"resources": [resource]}]}}}
    said, diagnostics, mask = learned(tmp_path, f"print({json.dumps(state)!r})", plan_that_makes(**MAKES_A_SECRET))
    assert said == "(local-exec): (sensitive)"
    assert [mask.text(each.detail) for each in diagnostics] == ["echo (sensitive): exit status 1"]


def test_a_sensitive_output_that_an_apply_made_is_learned_too(tmp_path: Path) -> None:
    marks = {"after_unknown": True, "before_sensitive": False, "after_sensitive": True}
    output = {"password": {"actions": ["create"], "before": None, **marks}}
    plan = read_plan(json.dumps({"format_version": "1.2", "resource_changes": [], "output_changes": output}).encode())
    values = {"outputs": {"password": {"sensitive": True, "value": PASSWORD}}, "root_module": {}}
    state = {"format_version": "1.0", "values": values}
    said, diagnostics, mask = learned(tmp_path, f"print({json.dumps(state)!r})", plan)
    assert said == "(local-exec): (sensitive)"
    assert [mask.text(each.detail) for each in diagnostics] == ["echo (sensitive): exit status 1"]


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "print('no JSON')", "print('[1]')"])
def test_if_the_state_cannot_be_read_output_that_may_quote_it_is_left_out(tmp_path: Path, script: str) -> None:
    said, diagnostics, _ = learned(tmp_path, script, plan_that_makes(**MAKES_A_SECRET))
    assert PASSWORD not in said
    assert "1 lines of errors or provisioners are left out" in said
    (told,) = diagnostics
    assert told.summary == "local-exec provisioner error"
    assert told.detail.startswith("The details are left out")


def test_the_state_is_not_read_again_where_nothing_secret_was_made(tmp_path: Path) -> None:
    plan = plan_that_makes(after_sensitive={}, after_unknown={"result": True})
    _, diagnostics, _ = learned(tmp_path, "raise SystemExit('was asked')", plan)
    assert diagnostics == (ERROR,)


def test_names_in_the_code_are_not_masked() -> None:
    secrets = KnownSecrets(["network", "terraform_data.net"])
    secrets.learn(["network", "hunter2-hunter2"])
    assert secrets.mask.text("network/main.tf: hunter2-hunter2") == "network/main.tf: (sensitive)"
    secrets.learn(["random_password.db"], plan=plan_that_makes(**MAKES_A_SECRET))
    assert secrets.mask.text("no random_password in network") == "no random_password in network"


def test_a_secret_that_cannot_be_masked_wherever_it_stands_is_reported_by_its_key() -> None:
    secrets = {
        "db_user": "network",
        "pin": "1234",
        "nested": {"list": ["long-enough", "tiny"]},
        "password": "hunter2-hunter2",
        "empty": "",
        "flag": True,
        "none": None,
    }
    known = KnownSecrets(["network"])
    known.learn(["network", "1234", "long-enough", "tiny", "hunter2-hunter2"])
    assert known.warn_of_unmaskable(secrets) == (
        "Secrets that cannot be masked everywhere: `db_user` (also a name in the code), "
        "`nested` (fewer than 6 characters), `pin` (fewer than 6 characters).",
    )
    assert known.warn_of_unmaskable({"password": "hunter2-hunter2"}) == ()


def _kept(log: RunLog) -> list[str]:
    log.catch_up()
    return log.take()
