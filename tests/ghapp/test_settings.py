"""The operator's settings, and the errors for invalid ones."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ghapp.errors import SettingsError
from ghapp.processes import Limits
from ghapp.processes.measuring import machine_bytes
from ghapp.processes.sandbox import HostPaths
from ghapp.processes.sandbox_choice import SandboxSettings
from ghapp.settings import (
    Settings,
    default_memory_bytes,
    read_local_settings,
    read_settings,
    read_vault_settings,
)

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
LEAST = {
    "PLANWARD_GITHUB_APP_ID": "123",
    "PLANWARD_GITHUB_PRIVATE_KEY": PEM,
    "PLANWARD_GITHUB_WEBHOOK_SECRET": "s3cret",
    "PLANWARD_DATA_DIR": "/var/lib/planward",
}


def read(**environ: str) -> Settings:
    return read_settings({**LEAST, **environ})


def test_variables_that_are_no_settings_are_named_with_what_may_be_meant() -> None:
    assert read(PLANWARD_CONCURENCY="2", PLANWARD_CHECKS="x.yml", PLANWARD_GITHUB_APP_ID="1").unknown == (
        "PLANWARD_CHECKS",
        "PLANWARD_CONCURENCY (did you mean PLANWARD_CONCURRENCY?)",
    )


def test_a_variable_that_would_go_to_every_repository_is_refused() -> None:
    said = refusal({**LEAST, "PLANWARD_TERRAFORM_ENV": "AWS_SECRET_ACCESS_KEY"})
    assert said.startswith('PLANWARD_TERRAFORM_ENV: "AWS_SECRET_ACCESS_KEY" alone would give it to every repository')


def refusal(environ: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as raised:
        read_settings(environ)
    return str(raised.value)


def test_the_least_that_has_to_be_set_gives_the_defaults_for_the_rest() -> None:
    settings = read()
    assert settings.github.api_url == "https://api.github.com"
    assert settings.github.app_id == 123
    assert settings.github.webhook_secrets == ("s3cret",)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.database_url == "sqlite:////var/lib/planward/planward.db"
    assert settings.vault is None
    assert settings.terraform is None
    assert settings.encryption_keys == ()
    assert settings.concurrency >= 1
    assert (settings.merge_wait_s, settings.debounce_s) == (60, 10)
    assert (settings.plan_timeout_s, settings.apply_timeout_s) == (3600, 7200)
    assert (settings.client_id, settings.client_secret) == (None, None)
    assert (settings.keep_runs_days, settings.keep_logs_days, settings.keep_audit_days) == (400, 90, 0)
    assert settings.object_store_url is None
    assert settings.disk_budget_bytes == 50_000_000_000
    assert settings.limits.output_bytes == 256_000_000
    assert settings.limits.read_whole_bytes == 64_000_000
    assert settings.limits.memory_bytes == default_memory_bytes(machine_bytes(), settings.concurrency)


def test_the_sandbox_and_its_paths_are_reported_in_full() -> None:
    assert read().sandbox == SandboxSettings()
    said = read(PLANWARD_SANDBOX="bubblewrap", PLANWARD_SANDBOX_PATHS="/opt/tools, /srv/states:rw").sandbox
    host = HostPaths(reads=(Path("/opt/tools"),), writes=(Path("/srv/states"),))
    assert said == SandboxSettings(name="bubblewrap", host=host)
    assert "PLANWARD_SANDBOX is 'docker'" in refusal({**LEAST, "PLANWARD_SANDBOX": "docker"})
    for paths in ("tools", "/opt/../root"):
        assert "PLANWARD_SANDBOX_PATHS" in refusal({**LEAST, "PLANWARD_SANDBOX_PATHS": paths})


def test_retention_is_unlimited_with_0_and_has_a_minimum() -> None:
    assert read(PLANWARD_KEEP_RUNS_DAYS="0").keep_runs_days == 0
    assert read(PLANWARD_KEEP_LOGS_DAYS="1").keep_logs_days == 1
    assert refusal({**LEAST, "PLANWARD_KEEP_RUNS_DAYS": "30"}) == (
        "PLANWARD_KEEP_RUNS_DAYS is 30: set it to 0 (forever), or to at least 31 days"
    )


@pytest.mark.parametrize(
    ("machine_gb", "concurrency", "gb"),
    [(24, 2, 9), (64, 4, 12), (16, 16, 2), (4, 2, 2), (2, 2, 1.5), (1, 8, 0.75)],
)
def test_a_root_run_may_take_its_part_of_the_machine_and_what_a_large_provider_needs(
    machine_gb: int, concurrency: int, gb: float
) -> None:
    assert default_memory_bytes(machine_gb * 1_000_000_000, concurrency) == gb * 1_000_000_000


def test_limits_are_megabytes_and_0_is_none() -> None:
    limits = read(PLANWARD_MEMORY_LIMIT_MB="1500", PLANWARD_OUTPUT_LIMIT_MB="0.5").limits
    assert (limits.memory_bytes, limits.output_bytes) == (1_500_000_000, 500_000)
    unlimited = [f"PLANWARD_{what}_LIMIT_MB" for what in ("MEMORY", "OUTPUT", "PLAN")]
    unlimited += ["PLANWARD_PROCESS_LIMIT", "PLANWARD_CPU_LIMIT_S", "PLANWARD_RUN_DISK_LIMIT_MB"]
    assert read_local_settings(dict.fromkeys(unlimited, "0")).limits == Limits(files_at_once=4096, yields=True)


@pytest.mark.parametrize("name", ["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_settings_are_named(name: str, value: str | None) -> None:
    environ = {key: text for key, text in LEAST.items() if key != f"PLANWARD_GITHUB_{name}"}
    if value is not None:
        environ[f"PLANWARD_GITHUB_{name}"] = value
    assert refusal(environ).startswith(f"PLANWARD_GITHUB_{name} is not set: set it to ")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"PLANWARD_GITHUB_APP_ID": "Iv1.abc"},
            "PLANWARD_GITHUB_APP_ID is 'Iv1.abc': set it to the App's number",
        ),
        ({"PLANWARD_GITHUB_APP_ID": "²"}, "PLANWARD_GITHUB_APP_ID is '²': set it to the App's number"),
        (
            {"PLANWARD_GITHUB_PRIVATE_KEY": "/etc/planward.pem"},
            "PLANWARD_GITHUB_PRIVATE_KEY is not PEM: set it to the text of the .pem file or to "
            "vault-transit:KEY, or set PLANWARD_GITHUB_PRIVATE_KEY_FILE to the path of the .pem file",
        ),
        (
            {"PLANWARD_GITHUB_WEBHOOK_SECRET": " , "},
            "PLANWARD_GITHUB_WEBHOOK_SECRET is empty: set it to the App's webhook secret",
        ),
        (
            {"PLANWARD_GITHUB_API_URL": "github.example.com"},
            "PLANWARD_GITHUB_API_URL is not an address: set it to http(s)://HOST[:PORT][/PATH]",
        ),
        (
            {"PLANWARD_PUBLIC_URL": "https://user:pass@planward.example.com"},
            "PLANWARD_PUBLIC_URL is not an address: set it to http(s)://HOST[:PORT][/PATH]",
        ),
        (
            {"PLANWARD_PUBLIC_URL": "http://[::1"},
            "PLANWARD_PUBLIC_URL is not an address: set it to http(s)://HOST[:PORT][/PATH]",
        ),
        (
            {"PLANWARD_PUBLIC_URL": "http://host:port"},
            "PLANWARD_PUBLIC_URL is not an address: set it to http(s)://HOST[:PORT][/PATH]",
        ),
        ({"PLANWARD_CONCURRENCY": "0"}, "PLANWARD_CONCURRENCY is '0': set it to a number of at least 1"),
        ({"PLANWARD_CONCURRENCY": "many"}, "PLANWARD_CONCURRENCY is 'many': set it to a number of at least 1"),
        ({"PLANWARD_DEBOUNCE_S": "-1"}, "PLANWARD_DEBOUNCE_S is '-1': set it to a number of at least 0"),
        ({"PLANWARD_PLAN_TIMEOUT_S": "nan"}, "PLANWARD_PLAN_TIMEOUT_S is 'nan': set it to a number of at least 0"),
        ({"PLANWARD_MEMORY_LIMIT_MB": "1G"}, "PLANWARD_MEMORY_LIMIT_MB is '1G': set it to a number of at least 0"),
        ({"PLANWARD_MERGE_WAIT_S": "inf"}, "PLANWARD_MERGE_WAIT_S is 'inf': set it to a number of at least 0"),
        (
            {"PLANWARD_GITHUB_CLIENT_ID": "Iv23li"},
            "PLANWARD_GITHUB_CLIENT_SECRET is not set: set the client id and the client secret for sign-in, or neither",
        ),
        (
            {"PLANWARD_GITHUB_CLIENT_SECRET": "x"},
            "PLANWARD_GITHUB_CLIENT_ID is not set: set the client id and the client secret for sign-in, or neither",
        ),
        (
            {"VAULT_ADDR": "https://vault.example.com:8200"},
            "VAULT_ADDR is set, but no login: set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, "
            "or VAULT_AUTH_METHOD (jwt, kubernetes) with VAULT_ROLE",
        ),
        (
            {"VAULT_ADDR": "https://vault", "VAULT_AUTH_METHOD": "ldap"},
            "VAULT_AUTH_METHOD is 'ldap': set it to jwt or kubernetes, or leave it out",
        ),
        (
            {"VAULT_ADDR": "vault.example.com", "VAULT_TOKEN": "t"},
            "VAULT_ADDR is not an address: set it to http(s)://HOST[:PORT][/PATH]",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_an_invalid_value_is_refused_with_a_remedy(environ: dict[str, str], said: str) -> None:
    assert refusal({**LEAST, **environ}) == said


@pytest.mark.parametrize(
    "name",
    [
        "PLANWARD_GITHUB_PRIVATE_KEY",
        "PLANWARD_GITHUB_WEBHOOK_SECRET",
        "PLANWARD_GITHUB_CLIENT_SECRET",
        "PLANWARD_ENCRYPTION_KEY",
        "VAULT_TOKEN",
        "VAULT_SECRET_ID",
    ],
)
def test_each_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    more = {"PLANWARD_GITHUB_CLIENT_ID": "Iv23li", "PLANWARD_GITHUB_CLIENT_SECRET": "c", "VAULT_ADDR": "https://vault"}
    more |= {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s", "VAULT_TOKEN": "t"}
    value = PEM.replace("MIIE", "from-the-file") if name.endswith("PRIVATE_KEY") else "from-the-file"
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    environ = {key: text for key, text in {**LEAST, **more}.items() if key != name}
    settings = read_settings({**environ, f"{name}_FILE": str(file)})
    assert settings.vault is not None
    found = {
        "PLANWARD_GITHUB_PRIVATE_KEY": settings.github.private_key,
        "PLANWARD_GITHUB_WEBHOOK_SECRET": settings.github.webhook_secrets,
        "PLANWARD_GITHUB_CLIENT_SECRET": settings.client_secret,
        "PLANWARD_ENCRYPTION_KEY": settings.encryption_keys,
        "VAULT_TOKEN": settings.vault.token,
        "VAULT_SECRET_ID": settings.vault.secret_id,
    }[name]
    assert found in (value, (value,))


def test_a_secret_that_is_set_twice_or_whose_file_cannot_be_read_is_refused(tmp_path: Path) -> None:
    name = "PLANWARD_GITHUB_WEBHOOK_SECRET"
    assert refusal({**LEAST, f"{name}_FILE": "/x"}) == f"{name} and {name}_FILE are both set: keep one"
    environ = {key: text for key, text in LEAST.items() if key != name}
    missing = str(tmp_path / "missing")
    assert refusal({**environ, f"{name}_FILE": missing}) == f"{name}_FILE: {missing} cannot be read: FileNotFoundError"
    (tmp_path / "empty").write_text("\n")
    assert refusal({**environ, f"{name}_FILE": str(tmp_path / "empty")}).startswith(f"{name} is not set")


def test_a_setting_that_is_no_secret_is_not_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://elsewhere.example.com")
    assert read(PLANWARD_PUBLIC_URL_FILE=str(tmp_path / "url")).public_url == "http://127.0.0.1:8000"


def test_lists_rotate_secrets_and_keys() -> None:
    settings = read(PLANWARD_GITHUB_WEBHOOK_SECRET="new, old", PLANWARD_ENCRYPTION_KEY="first,second")
    assert settings.github.webhook_secrets == ("new", "old")
    assert settings.encryption_keys == ("first", "second")


def test_addresses_are_kept_without_a_slash_at_their_end() -> None:
    settings = read(
        PLANWARD_PUBLIC_URL="https://planward.example.com/",
        PLANWARD_GITHUB_API_URL="https://ghe.example.com/api/v3/",
    )
    assert settings.public_url == "https://planward.example.com"
    assert settings.github.api_url == "https://ghe.example.com/api/v3"


def test_a_key_in_vaults_transit_engine_is_named_instead_of_given() -> None:
    settings = read(PLANWARD_GITHUB_PRIVATE_KEY="vault-transit:planward")
    assert settings.github.private_key == "vault-transit:planward"


def test_the_repr_of_the_settings_contains_no_secret() -> None:
    settings = read(
        PLANWARD_GITHUB_WEBHOOK_SECRET="webhook-s3cret",
        PLANWARD_GITHUB_CLIENT_ID="Iv23li",
        PLANWARD_GITHUB_CLIENT_SECRET="client-s3cret",
        PLANWARD_ENCRYPTION_KEY="encryption-s3cret",
        PLANWARD_DATABASE_URL="postgresql://planward:database-s3cret@db/planward",
        VAULT_ADDR="https://vault",
        VAULT_TOKEN="vault-s3cret",
        VAULT_SECRET_ID="secret-id-s3cret",
        VAULT_JWT="jwt-s3cret",
    )
    assert "s3cret" not in repr(settings)
    assert "MIIE" not in repr(settings)


def test_vaults_own_names_are_taken_as_they_are() -> None:
    vault = read_vault_settings(
        {
            "VAULT_ADDR": "https://vault.example.com:8200/",
            "VAULT_NAMESPACE": "infra",
            "VAULT_CACERT": "/etc/ca.pem",
            "VAULT_AUTH_METHOD": "kubernetes",
            "VAULT_ROLE": "planward-{environment}",
            "VAULT_AUTH_MOUNT": "k8s",
        }
    )
    assert vault is not None
    assert (vault.address, vault.namespace, vault.auth_method) == (
        "https://vault.example.com:8200",
        "infra",
        "kubernetes",
    )
    assert (vault.role, vault.auth_mount, vault.ca_cert) == ("planward-{environment}", "k8s", Path("/etc/ca.pem"))
    assert read_vault_settings({}) is None


def test_commands_without_github_need_nothing_set() -> None:
    local = read_local_settings({})
    assert local.vault is None
    assert local.data_dir.is_absolute()
    assert local.data_dir.name == "planward"


def test_who_may_use_which_secrets(tmp_path: Path) -> None:
    teams = tmp_path / "teams.yml"
    teams.write_text("payments: [acme/payments, 'acme/pay-*']\nplatform:\n  - acme/*\n  - 815\n")
    paths = "aws/creds/{team}, kv/shared/*"
    found = read(PLANWARD_TEAMS=str(teams), PLANWARD_TEAM_BY_NAME="true", PLANWARD_SECRET_PATHS=paths).authority
    assert found.teams == {"payments": ("acme/payments", "acme/pay-*"), "platform": ("acme/*", "815")}
    assert found.team_by_name
    assert found.secret_paths == ("aws/creds/{team}", "kv/shared/*")
    assert (read().authority.teams, read().authority.team_by_name, read().authority.secret_paths) == ({}, False, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("payments: acme/*\n", ':1: "payments" must have a list of patterns, such as [OWNER/REPO, OWNER/*]'),
        ("a: [x/y]\nA: [x/z]\n", ':2: "A" occurs twice; keep one of them'),
        ("- acme\n", ":1: must be a mapping, NAME: [PATTERN, …]"),
        ("a: [{b: c}]\n", ":1: must be OWNER/REPO, OWNER/* or a repository's id"),
        ("a: [x\n", ":2: is not YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_a_file_of_teams_that_cannot_be_used_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    teams = tmp_path / "teams.yml"
    teams.write_text(text)
    assert refusal({**LEAST, "PLANWARD_TEAMS": str(teams)}) == f"PLANWARD_TEAMS: {teams}{said}"


def test_a_missing_file_of_teams_and_an_invalid_switch_are_reported() -> None:
    gone = refusal({**LEAST, "PLANWARD_TEAMS": "/nowhere/teams.yml"})
    assert gone == "PLANWARD_TEAMS: /nowhere/teams.yml cannot be read: FileNotFoundError"
    wrong = refusal({**LEAST, "PLANWARD_TEAM_BY_NAME": "maybe"})
    assert wrong == "PLANWARD_TEAM_BY_NAME is 'maybe': set it to true or false"
