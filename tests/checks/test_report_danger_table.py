"""Every row of the table of dangers works, and ordinary changes are not marked."""

import base64
import json
from typing import Any

import pytest

from checks.plan.marks import Hidden
from checks.report.change_report import AttributeChange, ChangeReport
from checks.report.danger import marks
from checks.report.danger_policy import opened_statements
from checks.report.danger_table import (
    ALL_RIGHTS,
    EXPOSING,
    EXPOSING_OF_TYPE,
    IAM_ATTRIBUTES,
    IAM_PREFIXES,
    IAM_SUFFIXES,
    NETWORK_TYPES,
    STATEFUL,
    UNPROTECTING,
    WIPES,
    WORLD,
    WORLD_ATTRIBUTES,
)
from tests.checks.building import plan_of, report, resource
from tests.cores import CoreTime


def marked(type_: str, path: str, new: str | None, old: str | None = None, section: Any = "change") -> tuple[str, ...]:
    return marks(type_, section, [AttributeChange(path=path, old=old, new=new)])


def changed(before: Any, after: Any, type_: str = "null_x", **more: Any) -> ChangeReport:
    return report(plan_of(resource(f"{type_}.y", "update", before=before, after=after, **more))).changes[0]


@pytest.mark.parametrize(("kind", "type_"), [(kind, type_) for kind, types in STATEFUL.items() for type_ in types])
def test_resources_with_data_say_so_if_it_is_lost(kind: str, type_: str) -> None:
    assert marks(type_, "destroy", ())[0] == kind
    assert marks(type_, "replace", ())[0] == kind
    assert kind not in marks(type_, "change", ())


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in EXPOSING.items() for value in values])
def test_an_attribute_that_opens_something_says_so(name: str, value: str) -> None:
    assert marked("null_x", name, value, "null") == ("opens to the world",)
    assert marked("null_x", f"block[0].{name}", value, "null") == ("opens to the world",)
    assert marked("null_x", name, "null", value) == ()


@pytest.mark.parametrize(("row", "values"), EXPOSING_OF_TYPE.items())
def test_an_attribute_of_one_type_that_opens_something_says_so(row: tuple[str, str], values: tuple[str, ...]) -> None:
    for value in values:
        assert "opens to the world" in marked(row[0], row[1], value, "null")
        assert "opens to the world" not in marked("null_x", row[1], value, "null")


@pytest.mark.parametrize("value", sorted(WORLD))
def test_a_value_that_means_everybody_says_so(value: str) -> None:
    assert marked("null_x", "cidr_blocks[0]", f'"{value}"') == ("opens to the world",)
    assert marked("null_x", "comment", f'"{value}"') == ()


@pytest.mark.parametrize("name", sorted(WORLD_ATTRIBUTES))
def test_an_attribute_that_says_who_may_reach_something_is_looked_at(name: str) -> None:
    assert marked("null_x", f"rule[0].{name}", '["::/0"]') == ("opens to the world",)


@pytest.mark.parametrize(
    "networks",
    [
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["0.0.0.0/1"],
        ["0.0.0.0/2", "64.0.0.0/2", "10.0.0.0/8"],
        [f"{number}.0.0.0/8" for number in range(32)],
        ["::/1", "8000::/1"],
        ["2000::/3"],
        ["::/0"],
        ["0.0.0.1/0"],
    ],
)
def test_networks_that_together_are_the_world_count_as_the_world(networks: list[str]) -> None:
    assert "opens to the world" in changed({"cidr_blocks": []}, {"cidr_blocks": networks}).marks
    rules = [{"name": f"r{number}", "cidr_ipv4": network} for number, network in enumerate(networks)]
    assert "opens to the world" in changed({"rule": []}, {"rule": rules}).marks


@pytest.mark.parametrize(
    "networks", [["10.0.0.0/8"], ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], ["fc00::/7"], ["x"]]
)
def test_private_networks_are_not_the_world(networks: list[str]) -> None:
    assert changed({"cidr_blocks": []}, {"cidr_blocks": networks}).marks == ()


@pytest.mark.parametrize("value", sorted(ALL_RIGHTS))
def test_a_ready_made_role_for_everything_says_so(value: str) -> None:
    assert "allows every action" in marked("null_x", "policy_arn", f'"{value}"')


@pytest.mark.parametrize(("name", "value"), UNPROTECTING.items())
def test_a_guard_that_is_taken_away_says_so(name: str, value: str) -> None:
    assert marked("null_x", name, value, "null") == ("removes a safeguard",)
    assert marked("null_x", name, value) == ()  # a new object had no guard before


@pytest.mark.parametrize(
    "type_", [*(f"{prefix}x" for prefix in IAM_PREFIXES), *(f"x{suffix}" for suffix in IAM_SUFFIXES)]
)
def test_a_type_that_gives_permissions_says_so(type_: str) -> None:
    assert "permissions" in marked(type_, "name", '"b"', '"a"')


@pytest.mark.parametrize("name", sorted(IAM_ATTRIBUTES))
def test_an_attribute_that_gives_permissions_says_so(name: str) -> None:
    assert marked("null_x", name, '"b"', '"a"') == ("permissions",)


@pytest.mark.parametrize("type_", sorted(NETWORK_TYPES))
def test_a_resource_type_of_the_network_says_so(type_: str) -> None:
    assert "network" in marked(type_, "name", '"b"', '"a"')


COMMANDS = {
    "rm": ("rm -rf /data/*", "rm -fr /data", "rm -f -r /data", "rm --recursive /x", "rm -rf /tmp/x /data",
           "rm -r /tmp/../data"),
    "-delete": ("find /data -type f -delete",),
    "wipefs": ("wipefs -a /dev/nvme1n1",),
    "mkfs": ("mkfs.ext4 /dev/sdb", "mkfs -t xfs /dev/sdb"),
    "shred": ("shred -u key.pem",),
    "blkdiscard": ("blkdiscard /dev/sdb",),
    "of=/dev/": ("dd if=/dev/zero of=/dev/sdb bs=1M",),
    "sgdisk": ("sgdisk --zap-all /dev/sdb",),
    "mklabel": ("parted -s /dev/sdb mklabel gpt",),
    "cryptsetup": ("cryptsetup luksFormat /dev/sdb",),
    "zpool": ("zpool destroy tank",),
    "lvremove": ("lvremove -y vg/lv",),
    "vgremove": ("vgremove vg",),
    "drop": ("DROP TABLE orders;", "drop database prod"),
    "truncate": ("TRUNCATE TABLE orders",),
    "delete": ("DELETE FROM orders;", "delete from orders"),
    "dropdatabase": ("db.dropDatabase()",),
    "flush": ("redis-cli -h x FLUSHALL",),
    "s3": ("aws s3 rm s3://b --recursive", "aws s3 rb s3://b --force"),
    "gsutil": ("gsutil -m rm -r gs://b",),
    "gcloud": ("gcloud storage rm gs://b --recursive",),
    "delete-batch": ("az storage blob delete-batch -s c",),
    "kubectl": ("kubectl delete ns prod",),
    "helm": ("helm uninstall db",),
    "docker": ("docker volume rm data", "docker system prune -af"),
    "destroy": ("terraform destroy -auto-approve", "tofu apply -auto-approve -destroy"),
    "remove-item": ("Remove-Item C:\\data -Recurse -Force",),
    "format-volume": ("Format-Volume -DriveLetter D",),
    "clear-disk": ("Clear-Disk -Number 1",),
}  # fmt: skip


@pytest.mark.parametrize(("anchor", "command"), [(key, each) for key in WIPES for each in COMMANDS[key]])
def test_a_command_that_erases_data_says_so(anchor: str, command: str) -> None:
    assert anchor in command.lower()
    assert not any(map(str.isspace, anchor))
    script = f"#!/bin/sh\nset -e\n{command}\necho done\n"
    without = script.replace(command, "true")
    for before in ("", None, "{}", "echo", without):
        assert changed({"user_data": before}, {"user_data": script}).marks == ("wipes data",)
    assert changed({"command": "true"}, {"command": command}).marks == ("wipes data",)
    encoded = base64.b64encode(script.encode()).decode()
    assert changed({"user_data": None}, {"user_data": encoded}).marks == ("wipes data",)
    assert changed({"user_data": script}, {"user_data": without}).marks == ()
    assert changed({"user_data": script}, {"user_data": f"{script}echo more\n"}).marks == ()


@pytest.mark.parametrize("command", [command for commands in COMMANDS.values() for command in commands])
def test_a_command_that_erases_data_says_so_however_its_words_are_separated(command: str) -> None:
    for gap in ("  ", "\t", " \t"):
        apart = command.replace(" ", gap)
        assert changed({"command": "true"}, {"command": apart}).marks == ("wipes data",)
        assert changed({"user_data": None}, {"user_data": f"set -e\n{apart}\n"}).marks == ("wipes data",)
    continued = command.replace(" ", " \\\n  ")
    assert changed({"user_data": None}, {"user_data": f"set -e\n{continued}\n"}).marks == ("wipes data",)


def test_an_option_that_makes_an_old_command_erase_data_says_so() -> None:
    before = "set -e\naws s3 rm s3://b/x \\\n  --quiet\n"
    after = before.replace("--quiet", "--recursive")
    assert changed({"user_data": before}, {"user_data": after}).marks == ("wipes data",)
    assert changed({"user_data": after}, {"user_data": after.replace("  --", "\t--")}).marks == ()


def test_powershell_ignores_case() -> None:
    for command in ("remove-item c:\\data -recurse", "FORMAT-VOLUME -DriveLetter D", "clear-disk 1"):
        assert changed({"command": "true"}, {"command": command}).marks == ("wipes data",)


def test_another_command_that_erases_data_says_so_and_the_same_one_does_not() -> None:
    before = "rm -rf /data/old; echo"
    assert changed({"command": before}, {"command": "rm -rf /data; echo"}).marks == ("wipes data",)
    assert changed({"command": before}, {"command": "rm -rf /data/old; echo done"}).marks == ()


@pytest.mark.parametrize(
    "command",
    [
        "rm -f /var/run/lock",
        "rm -rf /tmp/build",
        "rm -rf /var/lib/apt/lists/*",
        "apt-get update && rm -rf /var/cache/apt && echo done",
        "echo a term -r x",
        "dd if=/dev/sda of=/dev/null",
        "DELETE FROM orders WHERE id = 1",
        "terraform plan",
        "the drop in tables",
    ],
)
def test_erasing_temporary_files_is_no_danger(command: str) -> None:
    assert changed({"user_data": "true"}, {"user_data": f"#!/bin/sh\n{command}\ntrue\n"}).marks == ()


@pytest.mark.parametrize(
    "word", ["rm ", "find ", "dd ", "gsutil rm ", "rm -", "rm -r /tmp/", "delete from ", "docker "]
)
def test_a_line_without_end_is_judged_in_no_time(word: str) -> None:
    line = word * 40_000
    with CoreTime() as took:
        marks("null_x", "change", [AttributeChange(path="a", new=f'"{line}"')])
    assert took.seconds < 2


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


READ = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject", "Resource": "*"}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statement", "opened"),
    [
        ({**READ, "Principal": "*"}, (True, False)),
        ({**READ, "Principal": {"AWS": "*"}}, (True, False)),
        ({**READ, "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, (True, False)),
        ({**READ, "Principal": {"Service": "ec2.amazonaws.com", "AWS": "*"}}, (True, False)),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "s3:GetObject", "Resource": "*"}, (True, False)),
        ({**READ, "Action": "*"}, (False, True)),
        ({**READ, "Action": ["s3:GetObject", "*"]}, (False, True)),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, (False, True)),
        (READ, (False, False)),
        (DENY, (False, False)),
    ],
)
@pytest.mark.parametrize("before", [None, "", "{}", policy(DENY), policy(READ), "no json {"])
def test_a_statement_is_judged_by_what_it_allows(statement: Any, opened: tuple[bool, bool], before: str | None) -> None:
    after = json.dumps(json.loads(policy(DENY, statement)), indent=3)
    assert opened_statements(before, after) == opened
    assert opened_statements(after, after) == (False, False)
    marks_of_change = changed({"policy": before}, {"policy": after}).marks
    assert ("opens to the world" in marks_of_change, "allows every action" in marks_of_change) == opened


def test_an_effect_that_turns_from_deny_to_allow_opens() -> None:
    before, after = policy(DENY), policy({**DENY, "Effect": "Allow"})
    assert changed({"policy": before}, {"policy": after}).marks == ("opens to the world", "allows every action")


def test_a_policy_that_is_marked_as_sensitive_is_judged_and_not_shown() -> None:
    after = policy({**READ, "Principal": "*", "Sid": "hunter2"})
    hidden: dict[str, Any] = {"before_sensitive": {"policy": True}, "after_sensitive": {"policy": True}}
    reported = changed({"policy": policy(READ)}, {"policy": after}, "null_x", **hidden)
    assert reported.marks == ("opens to the world",)
    assert "hunter2" not in repr(reported)
    assert opened_statements(Hidden(policy(READ)), Hidden(after)) == (True, False)


def test_a_tainted_resource_is_only_reported_as_tainted() -> None:
    tainted = resource("null_x.y", "delete", "create", before={"a": 1}, after={"a": 1})
    reported = report(plan_of({**tainted, "action_reason": "replace_because_tainted"}))
    assert reported.changes[0].reason == "it is tainted"
