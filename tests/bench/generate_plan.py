"""Generate a plan JSON like that of a large AWS root module: about half of the resources change.

python tests/bench/generate_plan.py 10000 plan.json      (about 30 MB)
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

ACTIONS = (
    ["no-op"],
    ["update"],
    ["no-op"],
    ["create"],
    ["no-op"],
    ["update"],
    ["delete", "create"],
    ["no-op"],
    ["delete"],
)
TYPES = (
    "aws_instance",
    "aws_subnet",
    "aws_security_group_rule",
    "aws_iam_role_policy",
    "aws_s3_bucket",
    "aws_lb_listener",
)


def write_plan(file: IO[str], changes: int) -> None:
    """Write a plan of that many resource changes, in pieces, since a small machine could not hold it in memory."""
    file.write('{"format_version":"1.2","terraform_version":"1.11.4","variables":{"region":{"value":"eu-west-1"}},')
    file.write('"planned_values":{"root_module":{"resources":')
    _write_list(file, (_planned(number) for number in range(changes) if _after(number) is not None))
    file.write('}},"resource_changes":')
    _write_list(file, map(resource_change, range(changes)))
    file.write(',"output_changes":{"url":{"actions":["no-op"],"before":"x","after":"x","after_unknown":false,')
    file.write('"before_sensitive":false,"after_sensitive":false}},"prior_state":{"format_version":"1.0","values":')
    file.write('{"root_module":{"resources":')
    _write_list(file, (_prior(number) for number in range(changes) if _before(number) is not None))
    file.write('}}},"configuration":{"root_module":{}},"timestamp":"2026-01-01T00:00:00Z","applyable":true,')
    file.write('"complete":true,"errored":false}')


def resource_change(number: int) -> dict[str, Any]:
    """One element of `resource_changes`."""
    return {
        **_identity(number),
        "change": {
            "actions": ACTIONS[number % len(ACTIONS)],
            "before": _before(number),
            "after": _after(number),
            "after_unknown": {} if _before(number) else {"id": True, "arn": True},
            "before_sensitive": {"tags": {}, "user_data": True} if _before(number) else False,
            "after_sensitive": {"tags": {}, "user_data": True} if _after(number) else False,
            **({"replace_paths": [["availability_zone"]]} if len(ACTIONS[number % len(ACTIONS)]) > 1 else {}),
        },
    }


def _identity(number: int) -> dict[str, Any]:
    kind, module = TYPES[number % len(TYPES)], f'module.region["eu-west-{number % 3}"].module.team{number % 50}'
    return {
        "address": f"{module}.{kind}.item[{number}]",
        "module_address": module,
        "mode": "managed",
        "type": kind,
        "name": "item",
        "index": number,
        "provider_name": "registry.terraform.io/hashicorp/aws",
    }


def _planned(number: int) -> dict[str, Any]:
    return {**_identity(number), "values": _after(number), "sensitive_values": {"tags": {}}}


def _prior(number: int) -> dict[str, Any]:
    return {**_identity(number), "values": _before(number), "sensitive_values": {"tags": {}}}


def _before(number: int) -> dict[str, Any] | None:
    return None if ACTIONS[number % len(ACTIONS)] == ["create"] else _values(number, "before")


def _after(number: int) -> dict[str, Any] | None:
    action = ACTIONS[number % len(ACTIONS)]
    if action == ["delete"]:
        return None
    return _values(number, "before" if action == ["no-op"] else "after")


def _values(number: int, state: str) -> dict[str, Any]:
    return {
        "arn": f"arn:aws:ec2:eu-west-1:123456789012:instance/i-{number:017x}",
        "id": f"i-{number:017x}",
        "ami": "ami-0123456789abcdef0",
        "availability_zone": f"eu-west-1{'a' if state == 'before' else 'b'}",
        "ebs_optimized": False,
        "instance_type": "m5.large" if state == "before" else "m5.xlarge",
        "ingress": [{"from_port": port, "to_port": port, "cidr_blocks": ["10.0.0.0/8"]} for port in (22, 443)],
        "tags": {"Name": f"item-{number}", "owner": "platform", "stage": state},
        "timeouts": None,
        "user_data": f"secret-{number % 20:08d}",
        "vpc_security_group_ids": [f"sg-{number % 100:017x}"],
    }


def _write_list(file: IO[str], items: Iterator[dict[str, Any]]) -> None:
    file.write("[")
    for number, item in enumerate(items):
        file.write("," if number else "")
        file.write(json.dumps(item, separators=(",", ":")))
    file.write("]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("changes", type=int)
    parser.add_argument("path", type=Path)
    chosen = parser.parse_args()
    with chosen.path.open("w") as out:
        write_plan(out, chosen.changes)
