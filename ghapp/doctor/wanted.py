"""Write a ruleset that protects a branch, for GitHub's API and for Terraform's GitHub provider.

It sets every gate except merge commits and required deployments.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ghapp.doctor.protection_check import CHECK, Guarded

_INVALID_IN_NAME = re.compile(r"\W", re.ASCII)

_Block = Mapping[str, Any]


def wanted_ruleset(guarded: Guarded) -> dict[str, Any]:
    """The body of `POST /repos/O/R/rulesets`, for a ruleset that nobody can bypass.

    It does not require deployments: a promotion whose tip touches no root module has none, and would be blocked.

    https://docs.github.com/en/rest/repos/rules#create-a-repository-ruleset
    """
    rules: list[dict[str, Any]] = [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {"type": "pull_request", "parameters": _pull_request(guarded) | {"require_last_push_approval": False}},
        {
            "type": "required_status_checks",
            "parameters": {
                "strict_required_status_checks_policy": True,
                "required_status_checks": [{"context": CHECK, "integration_id": guarded.app_id}],
            },
        },
    ]
    return {
        "name": _name(guarded),
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{guarded.branch}"], "exclude": []}},
        "rules": rules,
        "bypass_actors": [],
    }


def render_call(full_name: str, guarded: Guarded) -> str:
    """The command that creates the ruleset, or updates the one that an earlier call created."""
    own = f'the ruleset "{_name(guarded)}"'
    number = next((source.ruleset_id for source in guarded.sources if source.name == own), None)
    how = f"POST repos/{full_name}/rulesets" if number is None else f"PUT repos/{full_name}/rulesets/{number}"
    return f"gh api --method {how} --input - <<'JSON'\n{json.dumps(wanted_ruleset(guarded), indent=2)}\nJSON"


def render_terraform(full_name: str, branches: Sequence[Guarded]) -> str:
    """The rulesets as `github_repository_ruleset` resources of the provider integrations/github.

    https://registry.terraform.io/providers/integrations/github/latest/docs/resources/repository_ruleset
    """
    return "\n".join(_resource(full_name.rpartition("/")[2], guarded) for guarded in branches)


def _resource(repository: str, guarded: Guarded) -> str:
    rules: dict[str, Any] = {
        "deletion": True,
        "non_fast_forward": True,
        "pull_request": _pull_request(guarded),
        "required_status_checks": {
            "strict_required_status_checks_policy": True,
            "required_check": {"context": CHECK, "integration_id": guarded.app_id},
        },
    }
    body = {
        "name": _name(guarded),
        "repository": repository,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{guarded.branch}"], "exclude": []}},
        "rules": rules,
    }
    label = _INVALID_IN_NAME.sub("_", guarded.environment)
    lines = "\n".join(_lines(body, "  "))
    return f'resource "github_repository_ruleset" "planward_{label}" {{\n{lines}\n}}\n'


def _pull_request(guarded: Guarded) -> dict[str, Any]:
    """The parameters of the rule `pull_request`. They have the same names in the API and in the provider."""
    return {
        "required_approving_review_count": 1 if guarded.four_eyes else 0,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": guarded.four_eyes,
        "required_review_thread_resolution": True,
    }


def _name(guarded: Guarded) -> str:
    return f"planward {guarded.environment}"


def _lines(body: _Block, indent: str) -> Iterator[str]:
    """The body of a block as `terraform fmt` writes it: aligned arguments, then nested blocks."""
    arguments = {name: value for name, value in body.items() if not isinstance(value, Mapping)}
    width = max((len(name) for name in arguments), default=0)
    for name, value in arguments.items():
        yield f"{indent}{name:<{width}} = {_literal(value)}"
    for place, name in enumerate(name for name in body if name not in arguments):
        if arguments or place:
            yield ""
        yield f"{indent}{name} {{"
        yield from _lines(body[name], f"{indent}  ")
        yield f"{indent}}}"


def _literal(value: object) -> str:
    # JSON's literals are valid HCL, except for the two sequences that begin a template.
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
