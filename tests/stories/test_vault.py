"""Vault as a team runs it: a login and a policy for each environment and operation, and secrets that end with a run."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.postgres import Postgres
from tests.stories.line import Line, running_line
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually

LEASE_S = 4
DYNAMIC = """\
environments: {testing: , staging: {preview: never}}
secrets:
  - {path: "kv/{team}/{branch}/*"}
  - {path: "database/creds/{team}-{environment}", as: env, map: {username: PGUSER, password: PGPASSWORD}}
"""


@pytest.fixture(scope="module")
def careful(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line whose Planward logs in with a JWT; the role names the team, the environment and the operation."""
    directory = tmp_path_factory.mktemp("careful")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(time.time())
    claims = {"sub": "planward", "aud": "vault", "iat": now, "nbf": now, "exp": now + 3600}
    (directory / "jwt").write_text(jwt.encode(claims, key, algorithm="RS256"))
    with running_line(
        directory,
        own_worker=True,
        PLANWARD_DATABASE_URL=postgres.prepared(),
        VAULT_TOKEN="",
        VAULT_AUTH_METHOD="jwt",
        VAULT_ROLE="{team}-{environment}-{operation}",
        VAULT_JWT_FILE=str(directory / "jwt"),
        PLANWARD_SECRET_PATHS="database/creds/{team}-{environment}, kv/{team}/staging/*, kv/shared/{team}-{branch}",
    ) as line:
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        vault = line.bao.client()
        vault.sys.enable_auth_method("jwt")
        vault.write_data("auth/jwt/config", data={"jwt_validation_pubkeys": [public.decode()]})
        vault.sys.enable_secrets_engine("database")
        connection = {"connection_url": postgres.url, "username": "postgres", "password": "unused"}
        plugin = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*"}
        vault.write_data("database/config/pg", data={**plugin, **connection})
        yield line


def allow(story: Story, environment: str, *operations: str) -> None:
    """Let runs of these operations log in and read only the secrets of their own environment."""
    vault = story.line.bao.client()
    team = story.team
    policy = f"{team}-{environment}"
    vault.sys.create_or_update_policy(
        policy,
        f"""
        path "kv/data/{team}/planward" {{ capabilities = ["read"] }}
        path "kv/data/{team}/{environment}/*" {{ capabilities = ["read"] }}
        path "kv/metadata/{team}/{environment}/*" {{ capabilities = ["list"] }}
        path "database/creds/{policy}" {{ capabilities = ["read"] }}
        """,
    )
    for operation in operations:
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"]}
        token = {"token_policies": [policy], "token_ttl": "10m"}
        vault.write_data(f"auth/jwt/role/{policy}-{operation}", data={**role, **token})


def asked(line: Line, path: str) -> list[dict[str, Any]]:
    """The entries of Vault's audit log for answers to requests below a path, oldest first."""
    entries = map(json.loads, (line.directory / "audit.log").read_text().splitlines())
    return [each for each in entries if each["type"] == "response" and each["request"]["path"].startswith(path)]


def test_each_run_may_read_the_secrets_of_its_environment_and_operation_and_without_a_role_it_cannot_log_in(
    careful: Line,
) -> None:
    story = careful.story(testing=True)
    allow(story, "testing", "plan")
    allow(story, "staging", "plan")
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    merged = story.merge(number)
    check = story.applied(merged)
    assert (check["conclusion"], check["output"]["title"]) == (
        "failure",
        f"Vault ({careful.bao.host}) refuses Planward's login at auth/jwt/login: the operator has to check the role "
        "and its credentials. Press Re-run afterwards",
    )
    assert story.size("staging") is None
    allow(story, "staging", "apply")
    story.rerun(check, by=story.maintainer)
    assert story.applied(merged, count=2)["conclusion"] == "success"
    read = {
        (each["request"]["path"], *each["auth"]["token_policies"])
        for each in asked(careful, f"kv/data/{story.team}/")
        if each["request"]["operation"] == "read"
    }
    assert read == {
        (f"kv/data/{story.team}/{path}", f"{story.team}-{environment}", "default")
        for environment in ("testing", "staging")
        for path in ("planward", f"{environment}/app", f"{environment}/env")
    }


def test_vault_itself_keeps_a_testing_run_out_of_stagings_secrets(careful: Line) -> None:
    config = 'environments: {testing: , staging: }\nsecrets:\n  - {path: "kv/{team}/staging/*"}\n'
    story = careful.story(config=config)
    allow(story, "testing", "plan")
    allow(story, "staging", "plan")
    check = story.planned(story.propose())
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f"Vault ({careful.bao.host}) denies Planward access to kv/{story.team}/staging/: the policy of Planward's "
        f"login must allow read there and "
        "list on the folders",
    )
    answers = asked(careful, f"kv/metadata/{story.team}/staging")
    refused = {each["auth"]["token_policies"][0]: each["error"] for each in answers if "error" in each}
    assert refused.keys() == {f"{story.team}-testing"}
    assert "permission denied" in refused[f"{story.team}-testing"]


@pytest.mark.parametrize("through", ["the role", "a path"])
def test_a_branch_name_cannot_lead_to_another_teams_secrets(careful: Line, through: str) -> None:
    """The team `acme` with `pay-production` has the same path as the team `acme-pay` with `production`."""
    name = "pay-production" if through == "the role" else "pay"
    secrets = 'secrets:\n  - {path: "kv/shared/{team}-{branch}"}\n' if through == "a path" else ""
    config = f"environments:\n  {name}: {{branch: pay-production}}\n{secrets}"
    story = careful.story(branches=("staging", "pay-production"), config=config)
    careful.bao.put(f"kv/shared/{story.team}-pay-production", db_password="of-the-other-team")
    careful.bao.put(f"kv/shared/{story.team}-testing", db_password="own")
    allow(story, "testing", "plan")
    allow(story, name, "plan")
    backend = {f"network/env/{name}.backend.hcl": f'path = "{story.state_path("network", name)}"\n'}
    sha = story.commit("pay-production", {**story.network(2), **backend}, by=story.author, start="pay-production")
    check = story.applied(sha, name)
    story.press(check, "plan", by=story.maintainer)
    logins = len(asked(careful, "auth/jwt/login"))
    check = story.applied(sha, name, count=2)
    what, word = ("VAULT_ROLE", "environment") if through == "the role" else ("the secrets' path", "branch")
    assert check["conclusion"] == "failure"
    assert check["output"]["title"].startswith(what)
    assert f'cannot be used with the {word} "pay-production"' in check["output"]["title"]
    assert len(asked(careful, "auth/jwt/login")) == logins
    path = f"kv/data/shared/{story.team}-pay-production"
    assert [each for each in asked(careful, path) if each["request"]["operation"] == "read"] == []


# --- secrets that end -------------------------------------------------------------------------------------------------


class Database:
    """The users that Vault creates in the database, each with a lease of LEASE_S."""

    def __init__(self, line: Line, postgres: Postgres) -> None:
        self.line = line
        self.postgres = postgres

    def story(self) -> Story:
        story = self.line.story(config=DYNAMIC, testing=True)
        allow(story, "testing", "plan")
        create = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
        role = {"db_name": "pg", "creation_statements": [create], "default_ttl": f"{LEASE_S}s"}
        self.line.bao.client().write_data(f"database/roles/{story.team}-testing", data=role)
        return story

    def users(self) -> list[str]:
        return self.postgres.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")

    def gone(self) -> None:
        eventually(lambda: not self.users(), "the database's user is gone")


@pytest.fixture
def database_of_vault(careful: Line, postgres: Postgres) -> Iterator[Database]:
    database = Database(careful, postgres)
    yield database
    database.gone()


def given_back(line: Line, story: Story) -> int:
    """The number of tokens of a story's runs in testing that Planward has revoked. Their leases end with them."""
    ended = asked(line, "auth/token/revoke-self")
    return sum(f"{story.team}-testing" in each["auth"]["token_policies"] for each in ended)


def test_a_lease_is_renewed_while_terraform_runs_and_ends_with_the_run_also_if_it_fails_or_is_cancelled(
    careful: Line, database_of_vault: Database
) -> None:
    story = database_of_vault.story()
    renewed_before = len(asked(careful, "sys/leases/renew"))
    with slow_place() as slow:
        number = story.propose({**story.network(2), "network/wait.tf": slow.data("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        [user] = database_of_vault.users()
        eventually(lambda: len(asked(careful, "sys/leases/renew")) >= renewed_before + 3, "the lease is renewed")
        assert database_of_vault.users() == [user], "it is older than a lease"
        slow.let_go()
        assert story.planned(number)["conclusion"] == "success"
    eventually(lambda: given_back(careful, story) == 1, "the login is given back")
    database_of_vault.gone()

    number = story.propose({"network/wrong.tf": 'output "wrong" {\n  value = file("none")\n}\n'}, head="wrong")
    assert story.planned(number)["conclusion"] == "failure"
    eventually(lambda: given_back(careful, story) == 2, "the login is given back")
    database_of_vault.gone()

    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.module("waits")}, head="cancelled")
        eventually(lambda: slow.asked, "Terraform waits")
        assert len(database_of_vault.users()) == 1
        story.edit(number, state="closed")
        assert story.planned(number)["conclusion"] == "cancelled"
        eventually(lambda: given_back(careful, story) == 3, "the login is given back")


def test_a_lease_that_a_killed_worker_held_ends_by_itself_and_the_run_made_again_has_its_own(
    careful: Line, database_of_vault: Database
) -> None:
    story = database_of_vault.story()
    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.module("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        [held] = database_of_vault.users()
        careful.kill_worker()
        database_of_vault.gone()  # nobody renews it
        careful.spawn_worker()
        eventually(lambda: database_of_vault.users(), "the run is made again")
        assert held not in database_of_vault.users()
        slow.let_go()
        story.planned(number)
    eventually(lambda: given_back(careful, story) == 1, "the login is given back")


def test_the_start_logs_the_services_and_readyz_reports_when_vault_does_not_answer(line: Line) -> None:
    def ready() -> httpx.Response:
        return httpx.get(f"{line.url}/readyz", trust_env=False, timeout=30)

    found = eventually(lambda: line.events("found"), "the start is logged")[0]
    assert (found["app"].partition(" ")[0], found["vault"], found["concurrency"]) == ("Planward", "answers", 2)
    assert any(each.startswith("terraform ") for each in found["engines"])
    eventually(lambda: ready().text == "ok\n", "planward is ready")
    if line.own_worker:
        return  # a `serve` without a worker uses no Vault
    with line.sealed_vault():
        eventually(lambda: ready().text != "ok\n", "readyz says that Vault is sealed")
        assert (ready().status_code, ready().text) == (200, "ok\nbut Vault does not answer, or is sealed\n")
    eventually(lambda: ready().text == "ok\n", "planward is ready again")
