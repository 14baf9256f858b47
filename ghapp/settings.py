"""The operator's settings, read from environment variables. A secret may also be in the file that `NAME_FILE` names.

docs/settings.md lists them. Apart from `keys_apart` and the demo, other code reads only variables that are not
settings, such as PATH, proxies and CA files.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import platformdirs

from checks.authority.chat import ChatHosts
from checks.authority.server_variables import SETTING as SERVER_VARIABLES
from checks.authority.server_variables import ServerVariables, read_server_variables
from checks.authority.sources import AllowedSources, read_sources
from checks.authority.teams import RepositoryIdentity, fits_repository
from checks.wildcards import Wildcards
from ghapp.errors import SettingsError
from ghapp.operator_files import read_patterns
from ghapp.processes import Limits
from ghapp.processes.measuring import machine_bytes
from ghapp.processes.sandbox import HostPaths
from ghapp.processes.sandbox_choice import SANDBOXES, SandboxSettings
from ghapp.variables import MB, WITH_FILES, Recorded, Variables, split
from ghapp.vault import VaultSettings
from ghapp.vault.settings import AuthMethod

_PUBLIC_API = "https://api.github.com"
_PUBLIC_URL = "http://127.0.0.1:8000"
_PROCESSES = 1000
_PROCESSOR_S = 3600
_FILES_AT_ONCE = 4096
_RUN_DISK_BYTES = 20_000 * MB
_OUTPUT_BYTES = 256 * MB
_PLAN_BYTES = 64 * MB
"""The default limit for a plan. Reading one of this size blocks the process for half a second."""
SECRETS = frozenset({*WITH_FILES, "VAULT_JWT"})
"""The variables with secrets, which `keys_apart` keeps out of the process's environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubAccess:
    """The identity of the App, and the address of its GitHub."""

    api_url: str
    app_id: int
    private_key: str = field(repr=False)
    """PEM, or `vault-transit:KEY`."""
    webhook_secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsAccess:
    """Who may read the metrics. If neither a token nor a separate address is set, only this machine may."""

    token: str | None = field(repr=False)
    listen: tuple[str, int] | None
    """Host and port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySettings:
    """The operator's rules for repositories: the secrets, chat hosts and sources that they may use."""

    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """TEAM → patterns of OWNER/REPO, or GitHub's repository ids."""
    team_by_name: bool = False
    """Whether each repository of the App's owner may use the team that has the repository's name."""
    chat: ChatHosts = field(default_factory=ChatHosts)
    """Where `notify` may send messages."""
    secret_paths: tuple[str, ...] = ()
    """Patterns of paths that configs may name in addition to `kv/{team}/{branch}` and `kv/{team}/{environment}`."""
    sources: AllowedSources | None = None
    """Allowed sources of providers and modules; None if PLANWARD_SOURCES is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleRepositories:
    """The operator's rules for fetching modules from other repositories with the App's token."""

    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pattern of the repositories that fetch (OWNER/REPO) → patterns of the repositories that they may fetch from."""

    def allows(self, repository: RepositoryIdentity, modules: str) -> bool:
        """Whether a repository may fetch the modules of another, which must be listed and have the same owner.

        Upper and lower case do not matter.
        """
        other = modules.casefold()
        listed = (
            Wildcards(each.casefold(), ("*",)).matches(other)
            for pattern, allowed in self.patterns.items()
            if fits_repository(pattern, repository)
            for each in allowed
        )
        return repository.owner.casefold() == other.partition("/")[0] and any(listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the operator. Durations are in seconds."""

    github: GitHubAccess
    vault: VaultSettings | None
    authority: AuthoritySettings
    module_repositories: ModuleRepositories
    server_variables: ServerVariables
    """The server's own variables that Terraform gets."""
    public_url: str
    database_url: str = field(repr=False)
    data_dir: Path
    encryption_keys: tuple[str, ...] = field(repr=False)
    """The first key encrypts, all of them decrypt. If empty, the key in the data directory is used."""
    new_key: bool
    """Whether to start even if the key of older reports and logs is lost. They can then no longer be read."""
    terraform: str | None
    concurrency: int
    limits: Limits
    """The limits of each run of a root module."""
    sandbox: SandboxSettings
    """The sandbox, which decides which parts of this machine the run of a root module can reach."""
    merge_wait_s: float
    debounce_s: float
    plan_timeout_s: float
    apply_timeout_s: float
    client_id: str | None
    client_secret: str | None = field(repr=False)
    disk_budget_bytes: int
    """The limit for mirrors, provider cache, parsed Terraform files and work directories of a machine; 0: no limit."""
    keep_runs_days: float
    """How many days runs are kept. For runs, logs and the audit log, 0 means forever."""
    keep_logs_days: float
    keep_plans_hours: float
    """How long the encrypted plan file of a hold is kept; 0 means not at all."""
    keep_audit_days: float
    object_store_url: str | None
    """Where logs and reports of completed runs are moved; None if they stay in the database."""
    metrics: MetricsAccess
    unknown: tuple[str, ...] = ()
    """Variables that are named like a setting but are not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """Settings of the commands that work without GitHub. Durations are in seconds."""

    vault: VaultSettings | None
    authority: AuthoritySettings
    data_dir: Path
    terraform: str | None
    concurrency: int
    limits: Limits
    sandbox: SandboxSettings
    plan_timeout_s: float


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError naming the variable, what is wrong with it and what to set."""
    environ = Recorded(environ)
    names = Variables(environ)
    local = read_local_settings(environ)
    client_id, client_secret = names.text("PLANWARD_GITHUB_CLIENT_ID"), names.text("PLANWARD_GITHUB_CLIENT_SECRET")
    if bool(client_id) != bool(client_secret):
        missing = "PLANWARD_GITHUB_CLIENT_SECRET" if client_id else "PLANWARD_GITHUB_CLIENT_ID"
        raise SettingsError(f"{missing} is not set: set the client id and the client secret for sign-in, or neither")
    settings = Settings(
        github=_read_github(names),
        vault=local.vault,
        authority=local.authority,
        module_repositories=_read_module_repositories(names),
        server_variables=read_terraform_env(environ),
        public_url=names.url("PLANWARD_PUBLIC_URL", _PUBLIC_URL),
        database_url=names.text("PLANWARD_DATABASE_URL") or f"sqlite:///{local.data_dir / 'planward.db'}",
        data_dir=local.data_dir,
        encryption_keys=split(names.text("PLANWARD_ENCRYPTION_KEY")),
        new_key=names.flag("PLANWARD_NEW_KEY"),
        terraform=local.terraform,
        concurrency=local.concurrency,
        limits=local.limits,
        sandbox=local.sandbox,
        merge_wait_s=names.number("PLANWARD_MERGE_WAIT_S", 60),
        debounce_s=names.number("PLANWARD_DEBOUNCE_S", 10),
        plan_timeout_s=local.plan_timeout_s,
        apply_timeout_s=names.number("PLANWARD_APPLY_TIMEOUT_S", 7200),
        client_id=client_id,
        client_secret=client_secret,
        disk_budget_bytes=int(names.number("PLANWARD_DISK_BUDGET_GB", 50) * 1_000_000_000),
        keep_runs_days=names.days("PLANWARD_KEEP_RUNS_DAYS", 400, least=31),
        keep_plans_hours=names.number("PLANWARD_KEEP_PLANS_HOURS", 24),
        keep_logs_days=names.days("PLANWARD_KEEP_LOGS_DAYS", 90, least=1),
        keep_audit_days=names.days("PLANWARD_KEEP_AUDIT_DAYS", 0, least=31),
        object_store_url=names.text("PLANWARD_OBJECT_STORE_URL"),
        metrics=MetricsAccess(
            token=names.text("PLANWARD_METRICS_TOKEN"), listen=names.host_and_port("PLANWARD_METRICS_LISTEN")
        ),
    )
    return replace(settings, unknown=environ.unknown())


def read_local_settings(environ: Mapping[str, str]) -> LocalSettings:
    """Read the settings of commands that work without GitHub. Raises SettingsError as `read_settings` does."""
    names = Variables(environ)
    concurrency = int(names.number("PLANWARD_CONCURRENCY", float(os.cpu_count() or 1), least=1))
    return LocalSettings(
        vault=read_vault_settings(environ),
        authority=read_authority(environ),
        data_dir=Path(names.text("PLANWARD_DATA_DIR") or platformdirs.user_data_dir("planward")).absolute(),
        terraform=names.text("PLANWARD_TERRAFORM"),
        concurrency=concurrency,
        limits=Limits(
            memory_bytes=names.size("PLANWARD_MEMORY_LIMIT_MB", default_memory_bytes(machine_bytes(), concurrency)),
            processes=int(names.number("PLANWARD_PROCESS_LIMIT", _PROCESSES)) or None,
            processor_s=int(names.number("PLANWARD_CPU_LIMIT_S", _PROCESSOR_S)) or None,
            files_at_once=_FILES_AT_ONCE,
            yields=True,
            disk_bytes=names.size("PLANWARD_RUN_DISK_LIMIT_MB", _RUN_DISK_BYTES),
            output_bytes=names.size("PLANWARD_OUTPUT_LIMIT_MB", _OUTPUT_BYTES),
            read_whole_bytes=names.size("PLANWARD_PLAN_LIMIT_MB", _PLAN_BYTES),
        ),
        sandbox=read_sandbox(environ),
        plan_timeout_s=names.number("PLANWARD_PLAN_TIMEOUT_S", 3600),
    )


def read_sandbox(environ: Mapping[str, str]) -> SandboxSettings:
    """Read the settings of root runs' sandbox. Raises SettingsError as `read_settings` does."""
    names = Variables(environ)
    name = names.text("PLANWARD_SANDBOX")
    if name is not None and name not in SANDBOXES:
        raise SettingsError(f"PLANWARD_SANDBOX is {name[:40]!r}: set it to {', '.join(SANDBOXES)}, or leave it out")
    reads: list[Path] = []
    writes: list[Path] = []
    for each in split(names.text("PLANWARD_SANDBOX_PATHS")):
        path = Path(each.removesuffix(":rw"))
        if not path.is_absolute() or ".." in path.parts:
            raise SettingsError(
                f"PLANWARD_SANDBOX_PATHS has {each[:80]!r}: write absolute paths, separated by commas, "
                "with :rw after those that runs may write to"
            )
        (writes if each.endswith(":rw") else reads).append(path)
    host = HostPaths(reads=tuple(reads), writes=tuple(writes))
    return SandboxSettings(name=name, host=host)


def default_memory_bytes(machine_bytes: int, concurrency: int) -> int:
    """The default memory limit of a root run: its share of three quarters of the machine's memory.

    It is at least 2 GB, but never more than three quarters of the memory. All limits together may therefore exceed the
    machine's memory, but few root runs reach their maximum at the same time.
    """
    ours = machine_bytes * 3 // 4
    return max(ours // concurrency, min(2_000_000_000, ours))


def read_authority(environ: Mapping[str, str]) -> AuthoritySettings:
    """Read the operator's rules for repositories. Raises SettingsError as `read_settings` does."""
    names = Variables(environ)
    teams = names.text("PLANWARD_TEAMS")
    return AuthoritySettings(
        teams=read_patterns("PLANWARD_TEAMS", Path(teams)) if teams else {},
        team_by_name=names.flag("PLANWARD_TEAM_BY_NAME"),
        chat=_read_chat_hosts(names.text("PLANWARD_NOTIFY_HOSTS")),
        secret_paths=split(names.text("PLANWARD_SECRET_PATHS")),
        sources=read_sources(split(names.text("PLANWARD_SOURCES"))),
    )


def read_terraform_env(environ: Mapping[str, str]) -> ServerVariables:
    """Read the server's own variables that Terraform gets. Raises SettingsError as `read_settings` does."""
    words = split(Variables(environ).text(SERVER_VARIABLES))
    # Planward's and Vault's own variables are dropped here. `ServerVariables.given` later chooses from the others for
    # each run.
    kept = {name: environ[name] for name in environ if words and not name.startswith(("PLANWARD_", "VAULT_"))}
    try:
        return read_server_variables(words, kept)
    except ValueError as error:
        raise SettingsError(f"{SERVER_VARIABLES}: {error}") from None


def _read_module_repositories(names: Variables) -> ModuleRepositories:
    setting = "PLANWARD_MODULE_REPOSITORIES"
    path = names.text(setting)
    return ModuleRepositories(patterns=read_patterns(setting, Path(path)) if path else {})


def _read_chat_hosts(text: str | None) -> ChatHosts:
    try:
        return ChatHosts.read(split(text))
    except ValueError as error:
        raise SettingsError(
            f"PLANWARD_NOTIFY_HOSTS has {str(error)[:80]!r}: write HOST or SCHEME://HOST, separated by commas, "
            "such as hooks.slack.com, http://chat.internal, mailto://"
        ) from None


def read_github_access(environ: Mapping[str, str]) -> GitHubAccess:
    """Read only the settings needed to act as the App. Raises SettingsError as `read_settings` does."""
    return _read_github(Variables(environ))


def read_addresses(environ: Mapping[str, str]) -> tuple[str, str]:
    """The root of GitHub's REST API, and Planward's own address. Raises SettingsError as `read_settings` does."""
    names = Variables(environ)
    return names.url("PLANWARD_GITHUB_API_URL", _PUBLIC_API), names.url("PLANWARD_PUBLIC_URL", _PUBLIC_URL)


def read_vault_settings(environ: Mapping[str, str]) -> VaultSettings | None:
    """Read Vault's own variables; None if `VAULT_ADDR` is not set. Raises SettingsError as `read_settings` does."""
    names = Variables(environ)
    if not names.text("VAULT_ADDR"):
        return None
    method = names.text("VAULT_AUTH_METHOD")
    if method not in (None, "token", "approle", "jwt", "kubernetes"):
        raise SettingsError(f"VAULT_AUTH_METHOD is {method[:40]!r}: set it to jwt or kubernetes, or leave it out")
    ca_cert = names.text("VAULT_CACERT")
    settings = VaultSettings(
        address=names.url("VAULT_ADDR", ""),
        namespace=names.text("VAULT_NAMESPACE"),
        ca_cert=Path(ca_cert) if ca_cert else None,
        token=names.text("VAULT_TOKEN"),
        role_id=names.text("VAULT_ROLE_ID"),
        secret_id=names.text("VAULT_SECRET_ID"),
        auth_method=cast("AuthMethod | None", method),
        auth_mount=names.text("VAULT_AUTH_MOUNT"),
        role=names.text("VAULT_ROLE"),
        # The file is read at each login, since Kubernetes rotates it; `names.text` would read VAULT_JWT_FILE only
        # once.
        jwt=environ.get("VAULT_JWT") or None,
        jwt_file=Path(environ["VAULT_JWT_FILE"]) if environ.get("VAULT_JWT_FILE") else None,
    )
    if not (settings.token or (settings.role_id and settings.secret_id) or method in ("jwt", "kubernetes")):
        raise SettingsError(
            "VAULT_ADDR is set, but no login: set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, "
            "or VAULT_AUTH_METHOD (jwt, kubernetes) with VAULT_ROLE"
        )
    return settings


def _read_github(names: Variables) -> GitHubAccess:
    app_id = names.needed("PLANWARD_GITHUB_APP_ID", "the number on the App's settings page")
    if not (app_id.isascii() and app_id.isdecimal()):
        raise SettingsError(f"PLANWARD_GITHUB_APP_ID is {app_id[:40]!r}: set it to the App's number")
    key = names.needed("PLANWARD_GITHUB_PRIVATE_KEY", "the App's private key as PEM, or vault-transit:KEY")
    if not key.startswith("vault-transit:") and "PRIVATE KEY-----" not in key:
        raise SettingsError(
            "PLANWARD_GITHUB_PRIVATE_KEY is not PEM: set it to the text of the .pem file or to vault-transit:KEY, or "
            "set PLANWARD_GITHUB_PRIVATE_KEY_FILE to the path of the .pem file"
        )
    secrets = split(names.needed("PLANWARD_GITHUB_WEBHOOK_SECRET", "the App's webhook secret"))
    if not secrets:
        raise SettingsError("PLANWARD_GITHUB_WEBHOOK_SECRET is empty: set it to the App's webhook secret")
    return GitHubAccess(
        api_url=names.url("PLANWARD_GITHUB_API_URL", _PUBLIC_API),
        app_id=int(app_id),
        private_key=key,
        webhook_secrets=secrets,
    )
