"""The exact complaint about every key and value that does not fit."""

import pytest

from tests.ghapp.repository_config.reading import complaints


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "environments: {testing: {plan: never}, staging: {preview: never}}",
            "1:50: environments.staging.preview: never, together with testing: {plan: never}, leaves pull "
            "requests into "
            "staging without any plan; set one of them to always",
        ),
        (
            "environments: {testing: {plan: never, apply: on_merge}}",
            (
                "1:26: environments.testing.plan: never means that testing is left out, but apply is on_merge; "
                "remove one of them"
            ),
        ),
    ],
)
def test_a_pull_request_always_has_a_plan(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


KEYS = "team, environments, secrets, root_modules, confirm, four_eyes, drafts, trusted_bots, notify"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tem: x", '1:1: tem: unknown key; did you mean "team"?'),
        ("zzz: x", f"1:1: zzz: unknown key; known here: {KEYS}"),
        ("<<: {team: x}", f"1:1: <<: unknown key; known here: {KEYS}"),
        ("? [a]\n: b", "1:3: has a key that is not a string; write each key as one word"),
        ("[team]", "1:1: must be a mapping, found a list"),
        ("team", "1:1: must be a mapping, found a string"),
        ("team: 12", "1:7: team: must be a string, found a number; put it in quotes"),
        ("team: 2026-01-01", "1:7: team: must be a string, found a date; put it in quotes"),
        ("team: true", "1:7: team: must be a string, found true or false; put it in quotes"),
        ("team:", "1:6: team: must be a string, but is empty; leave the key out to use the default"),
        ("team: ''", "1:7: team: must be a string, but is empty"),
        ("team: !mine x", "1:7: team: must be a string, found the tag !mine; put it in quotes"),
        (
            "team: a/b",
            '1:7: team: must be one part of a path in Vault: letters, digits, ".", "_" and "-", not "a/b"',
        ),
        ("team: ..", '1:7: team: must be one part of a path in Vault: letters, digits, ".", "_" and "-", not ".."'),
        ("four_eyes: yes", "1:12: four_eyes: must be true or false, found a string"),
        ("drafts: pln", '1:9: drafts: must be one of plan, skip, not "pln"; did you mean "plan"?'),
        ("drafts: [plan]", "1:9: drafts: must be one of plan, skip, found a list"),
        ("confirm: destroy", "1:10: confirm: must be a list of strings, found a string"),
        (
            "confirm: [destory]",
            "1:11: confirm[0]: must be destroy, replace or a resource type such as aws_db_instance, "
            'not "destory"; did you mean "destroy"?',
        ),
        ("confirm: [destroy, destroy]", '1:20: confirm[1]: occurs twice: "destroy"; keep one of them'),
        (
            "trusted_bots: [dependabot]",
            '1:16: trusted_bots[0]: must be the login of a bot such as dependabot[bot], not "dependabot"; '
            'did you mean "dependabot[bot]"?',
        ),
        (
            "root_modules: [{dir: /etc/x}]",
            '1:22: root_modules[0].dir: must be relative to the repository, not "/etc/x"',
        ),
        ("root_modules: [{dir: 'a\\b'}]", '1:22: root_modules[0].dir: must be written with "/", not "\\": "a\\b"'),
        ('root_modules: [{dir: "a\\nb"}]', "1:22: root_modules[0].dir: has a character that cannot be printed"),
        ('team: "\\ud800"', "1:7: team: has a character that cannot be printed"),
        ('"a\\nb": x', f"1:1: a\\nb: unknown key; known here: {KEYS}"),
        (f"drafts: {'x' * 999}", f'1:9: drafts: must be one of plan, skip, not "{"x" * 467}…'),
        ("root_modules: [{dir: .git/x}]", '1:22: root_modules[0].dir: leads into git\'s own directory: ".git/x"'),
    ],
)
def test_a_key_or_value_that_does_not_fit_is_refused_at_its_place(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("staging: {}\n  staging: {}", "3:3: environments.staging: occurs twice, first in line 2; keep one of them"),
        ("staging: 3", "2:12: environments.staging: must be a mapping, found a number"),
        ("a/b: {}", "2:3: environments.a/b: must have a name of letters, digits, _ and -"),
        (
            "staging: {}\n  Staging: {branch: x}",
            '3:3: environments.Staging: differs from "staging" only by case; choose another name',
        ),
        (
            "testing: {branch: main}",
            "2:13: environments.testing.branch: testing has no branch: pull requests are planned in it; "
            "give the branch to another environment",
        ),
        (
            "testing: {promote_from: staging}",
            "2:13: environments.testing.promote_from: nothing is promoted into testing; remove the key",
        ),
        (
            "testing: {approvers: [a]}",
            "2:13: environments.testing.approvers: testing has no approvers: anybody with write access approves there; "
            "remove the key",
        ),
        (
            "testing: {apply: manual}",
            '2:20: environments.testing.apply: must be one of never, on_merge, not "manual"',
        ),
        (
            "staging: {apply: never}",
            '2:20: environments.staging.apply: must be one of automatic, manual, not "never"',
        ),
        (
            "staging: {branch: refs/heads/x}",
            '2:21: environments.staging.branch: must be the name of a branch, without refs/heads/, not "refs/heads/x"',
        ),
        (
            "staging: {branch: a..b}",
            '2:21: environments.staging.branch: must be the name of a branch, without refs/heads/, not "a..b"',
        ),
        (
            "staging: {branch: testing}",
            '2:21: environments.staging.branch: no environment may have the branch "testing": '
            "pull requests read the secrets in kv/TEAM/testing",
        ),
        (
            "staging: {branch: main}\n  eu: {branch: main}",
            '3:8: environments.eu.branch: staging and eu have the same branch "main"; give each its own',
        ),
        (
            "staging: {branch: eu}\n  eu: {}",
            '3:3: environments.eu.branch: staging and eu have the same branch "eu"; give each its own',
        ),
        (
            "staging: {}\n  eu: {promote_from: stging}",
            '3:22: environments.eu.promote_from: there is no environment "stging"; did you mean "staging"?',
        ),
        (
            "eu: {promote_from: prod}",
            '2:22: environments.eu.promote_from: there is no environment "prod"; no other environment has a branch',
        ),
        (
            "eu: {promote_from: testing}",
            "2:22: environments.eu.promote_from: testing has no branch to promote from; name another environment",
        ),
        (
            "eu: {promote_from: eu}",
            "2:22: environments.eu.promote_from: an environment cannot be promoted from itself",
        ),
        (
            "a: {promote_from: b}\n  b: {promote_from: a}",
            "2:7: environments.a.promote_from: forms a cycle: a promoted from b promoted from a; remove one "
            "promote_from",
        ),
        (
            "eu: {approvers: ['@acme/sre']}",
            '2:20: environments.eu.approvers[0]: must be a login or a team as org/team, not "@acme/sre"; '
            'did you mean "acme/sre"?',
        ),
    ],
)
def test_an_environment_that_does_not_fit_is_refused(text: str, complaint: str) -> None:
    assert complaints(f"environments:\n  {text}\n") == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "1:11: secrets[0]: path is missing"),
        (
            "{path: kv/x, as: vars}",
            '1:28: secrets[0].as: must be one of tfvars, env, not "vars"; did you mean "tfvars"?',
        ),
        (
            '{path: "kv/{tem}/x"}',
            '1:18: secrets[0].path: unknown placeholder {tem}; did you mean "team"?',
        ),
        (
            '{path: "kv/{workspace}/x"}',
            "1:18: secrets[0].path: unknown placeholder {workspace}; "
            "known here: {team}, {branch}, {environment}, {operation}",
        ),
        ('{path: "kv/{team/x"}', '1:18: secrets[0].path: has a brace that is not part of a placeholder: "kv/{team/x"'),
        (
            "{path: kv/a/../b}",
            "1:18: secrets[0].path: must be a path in Vault such as kv/{team}/{branch}/*, without empty, "
            '"." and ".." parts: "kv/a/../b"',
        ),
        ("{path: kv/*/b}", '1:18: secrets[0].path: may have "*" only as its last part: "kv/*/b"'),
        (
            "{path: kv/x, as: env, map: {a: PATH}}",
            "1:42: secrets[0].map.a: PATH controls Terraform or the machine itself; a secret may not set it",
        ),
        (
            "{path: kv/x, as: env, map: {a: TF_WORKSPACE}}",
            "1:42: secrets[0].map.a: TF_WORKSPACE controls Terraform or the machine itself; a secret may not set it",
        ),
        (
            "{path: kv/x, as: env, map: {a: A-B}}",
            '1:42: secrets[0].map.a: must be the name of an environment variable, not "A-B"',
        ),
        ("{path: kv/x, map: {a: 1b}}", '1:33: secrets[0].map.a: must be the name of a variable, not "1b"'),
        ("{path: kv/x, map: {a: c, b: c}}", '1:39: secrets[0].map.b: two keys cannot both become "c"'),
        ("{path: kv/x, field: a, map: {b: c}}", '1:40: secrets[0].map.b: cannot rename "b": field takes only "a"'),
    ],
)
def test_a_secret_that_does_not_fit_is_refused(text: str, complaint: str) -> None:
    assert complaints(f"secrets: [{text}]") == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{on: [failed]}", "1:10: notify[0]: url is missing"),
        (
            "{url: hooks.example.com/secret}",
            "1:16: notify[0].url: must be an address such as https://…, vault:PATH#KEY or an apprise URL",
        ),
        (
            '{url: "https:///x"}',
            "1:16: notify[0].url: must be an address such as https://…, vault:PATH#KEY or an apprise URL: "
            "it names no host",
        ),
        (
            '{url: "vault:kv/x"}',
            "1:16: notify[0].url: must be an address such as https://…, vault:PATH#KEY or an apprise URL; "
            'after "vault:", write the path of one secret and #KEY',
        ),
        ('{url: "vault:kv/{tem}#a"}', '1:16: notify[0].url: unknown placeholder {tem}; did you mean "team"?'),
        (
            "{url: https://h/x, on: [fail]}",
            "1:34: notify[0].on[0]: must be one of failed, waiting, applied, promotion, "
            'not "fail"; did you mean "failed"?',
        ),
        (
            "{url: https://h/x, on: failed}",
            "1:33: notify[0].on: must be a list of failed, waiting, applied, promotion, found a string",
        ),
    ],
)
def test_a_notification_that_does_not_fit_is_refused_without_showing_its_address(text: str, complaint: str) -> None:
    assert complaints(f"notify: [{text}]") == [complaint]
