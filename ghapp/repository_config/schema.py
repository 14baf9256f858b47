"""The JSON Schema of `.github/planward.yml`, so that editors complete it and say what a key means.

It says what stands in one place; what has to fit together (an environment that is named must exist, no circles, no
directory twice) only the reader knows. Whatever the reader takes, the schema takes too.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from ghapp.repository_config import OCCASIONS, words
from ghapp.repository_config.environments import BRANCH_APPLY, TESTING_APPLY
from ghapp.repository_config.reader import DRAFTS

Schema = dict[str, Any]

_OUTSIDE: Final = r"^(?![/~]|\.\./)[^\\]+$"


def config_schema() -> Schema:
    """The schema as a value."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Planward",
        "description": "How Planward plans and applies this repository. Read from the base branch; every key has a "
        "default.",
        **_object({
            "team": {**_team(), "description": "TEAM in the paths of secrets. Default: the repository's name when it "
                     "was first seen."},
            "environments": _environments(),
            "secrets": _list_of(_secret(), "What is read from Vault. Default: kv/{team}/{branch}/* as variables and "
                                "kv/{team}/{branch}/env as environment variables, if the operator has a Vault. An "
                                "empty list asks nobody; a secret that a narrower line names is left to that line."),
            "root_modules": _list_of(_root_module(), "All root modules. Default: every directory that has a backend "
                                     "block, or .tf files and no caller."),
            "confirm": _texts(words.CONFIRM, "What a second person has to confirm before it is applied: destroy, "
                              "replace, or resource types such as aws_db_instance.", []),
            "four_eyes": {"type": "boolean", "default": True, "description": "Whether who approves must be somebody "
                          "else than who wrote, pushed or merged the change."},
            "drafts": _choice(DRAFTS, "Whether draft pull requests are planned, or skipped until they are ready for "
                              "review.", "plan"),
            "trusted_bots": _texts(words.BOT, "Bots whose pull requests are planned without approval. A provider's new "
                                   "version is new code that gets credentials.", []),
            "policies": _texts(_OUTSIDE, "Policy files, as globs from the repository's top such as policy/*.rego.", []),
            "drift": _drift(),
            "notify": _list_of(_notify(), "Who is told, and of what."),
        }),
    }  # fmt: skip


def schema_text() -> str:
    """The schema as `planward config schema` prints it."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def _environments() -> Schema:
    testing = _object({
        "apply": _choice(TESTING_APPLY, "never; on_merge: brought to the merged commit before the branch's environment "
                         "is, which is not touched if that fails; on_pull_request: deployed while it is reviewed.",
                         "never"),
        "team": {**_team(), "description": "TEAM in the paths of testing's secrets, if it is another one."},
    })  # fmt: skip
    other = _object({
        "branch": {"type": "string", "pattern": words.BRANCH, "description": "The protected branch that is applied to "
                   "it. Default: the environment's name. \"testing\" is not allowed."},
        "promote_from": {"type": ["string", "null"], "pattern": words.ENVIRONMENT, "description": "The environment in "
                         "which a change must have been applied before. Default: staging for production where both "
                         "are listed; null turns that off."},
        "apply": _choice(BRANCH_APPLY, "Whether a merge is applied by itself or when somebody presses Apply.",
                         "automatic"),
        "approvers": _texts(words.APPROVER, "Logins and teams (org/team) who may press Approve and Apply; never the "
                            "author of the change. Default: who has the role maintain or admin.", []),
        "team": {**_team(), "description": "TEAM in the paths of this environment's secrets, if it is another one."},
    })  # fmt: skip
    return {
        "type": "object",
        "description": "The environments. Default: testing, and staging and production where their branches exist. "
        "testing is always there, also where it is not listed.",
        "properties": {"testing": _or_null(testing, "Where every pull request is planned; it has no branch.")},
        "additionalProperties": _or_null(other, "An environment with a branch of its own."),
        "propertyNames": {"pattern": words.ENVIRONMENT},
    }


def _secret() -> Schema:
    path = _templates(words.SECRET_PLACEHOLDERS)
    return _object({
        "path": {"type": "string", "pattern": path, "description": "Mount and path. /* at its end means all secrets "
                 "below. May hold {team}, {branch} (a / in it is written ~) and {environment}."},
        "as": _choice(("tfvars", "env"), "Whether its keys are Terraform variables or environment variables.",
                      "tfvars"),
        "field": {"type": "string", "minLength": 1, "description": "The one key of the secret that is taken. "
                  "Default: all."},
        "map": {"type": "object", "additionalProperties": {"type": "string", "pattern": words.VARIABLE},
                "description": "Other names for keys of the secret."},
    }, required=("path",))  # fmt: skip


def _root_module() -> Schema:
    return _object({
        "dir": {"type": "string", "pattern": r"^(?![/~])[^*{}\\]+$", "description": "Its directory, from the "
                "repository's top; \".\" is the top itself."},
        **_override(),
        "depends_on": _texts(_OUTSIDE, "Directories of root modules that are planned and applied before it, besides "
                             "those whose state it reads.", []),
        "required_version": {"type": "string", "pattern": words.CONSTRAINT, "description": "A constraint on "
                             "Terraform's version, besides the one in its configuration, such as \">= 1.9, < 2\"."},
        "environments": {"type": "object", "description": "What is otherwise in an environment.",
                         "propertyNames": {"pattern": words.ENVIRONMENT},
                         "additionalProperties": {**_object(_override()),
                                                  "description": "What is otherwise in this environment."}},
    }, required=("dir",))  # fmt: skip


def _override() -> Mapping[str, Schema]:
    file = _templates(words.ROOT_MODULE_PLACEHOLDERS)
    return {
        "workspace": {"type": "string", "pattern": _templates(words.WORKSPACE_PLACEHOLDERS),
                      "description": "Terraform's workspace. Default: {environment}, or default where there is a "
                      "backend file."},
        "var_files": _texts(file, "Var files, relative to dir; each must exist. Default: {environment}.tfvars and "
                            "env/{environment}.tfvars where they exist.", None),
        "backend_config": _texts(file, "Files for terraform init -backend-config, relative to dir; each must exist. "
                                 "Default: {environment}.backend.hcl and env/{environment}.backend.hcl where they "
                                 "exist.", None),
        "extra_arguments": _texts(words.ARGUMENT, "Arguments of terraform plan, and of apply where that takes them: "
                                  "-parallelism=N, -refresh=false, -lock-timeout=DURATION, -compact-warnings.", []),
        "team": {**_team(), "description": "TEAM in the paths of its secrets, if it is another one."},
    }  # fmt: skip


def _drift() -> Schema:
    schema = _object({
        "schedule": {"type": "string", "minLength": 9, "description": "When, in UTC, as five fields of cron: minute, "
                     "hour, day of month, month, day of week."},
        "environments": _texts(words.ENVIRONMENT, "Where. Default: all that have a branch.", None),
    }, required=("schedule",))  # fmt: skip
    return {**schema, "description": "When to look for changes that were made outside of Terraform. Default: never."}


def _notify() -> Schema:
    on: Schema = {"enum": list(OCCASIONS)}
    return _object({
        "url": {"type": "string", "pattern": r"^(?:vault:[^#*]+#.+|[A-Za-z][A-Za-z0-9+.-]*://\S+)$",
                "description": "A Slack incoming webhook or its like, an address as apprise has them, or "
                "vault:PATH#KEY for one that is kept in Vault."},
        "on": {"type": "array", "items": on, "uniqueItems": True, "default": list(OCCASIONS), "description":
               "failed: an apply; waiting: any action_required; applied; promotion: when its gate is first decided, "
               "and when it first turns green."},
    }, required=("url",))  # fmt: skip


def _object(properties: Mapping[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def _or_null(schema: Schema, description: str) -> Schema:
    return {**schema, "type": ["object", "null"], "description": description}


def _list_of(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _texts(pattern: str, description: str, default: list[str] | None) -> Schema:
    items = {"type": "string", "pattern": pattern}
    schema: Schema = {"type": "array", "items": items, "uniqueItems": True, "description": description}
    return schema if default is None else {**schema, "default": default}


def _choice(choices: tuple[str, ...], description: str, default: str) -> Schema:
    return {"enum": list(choices), "default": default, "description": description}


def _team() -> Schema:
    return {"type": "string", "pattern": words.TEAM}


def _templates(placeholders: tuple[str, ...]) -> str:
    return rf"^(?![/~])(?:[^{{}}]|\{{(?:{'|'.join(placeholders)})\}})+$"
