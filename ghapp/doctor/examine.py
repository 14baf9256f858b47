"""Ask GitHub for everything that the gates depend on, and check the gates."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from ghapp.doctor.app_checks import check_app, check_control_groups, check_repository, check_sandbox
from ghapp.doctor.branch_checks import check_branch
from ghapp.doctor.protection_check import Guarded, ProtectionCheck, State
from ghapp.errors import JobError
from ghapp.github import GitHubApp, RepositoryAllows, Rules
from ghapp.github.app_manifest import read_app_manifest
from ghapp.local.secret_use import SecretUse, examine_secret_use
from ghapp.processes.sandbox_choice import SandboxSettings
from ghapp.repository_config import CONFIG_PATH, RepositoryConfig, read_config
from ghapp.settings import AuthoritySettings
from ghapp.values import BranchName
from ghapp.vault import DEFAULT_SOURCES
from ghapp.vault.session import Vault

_CODE_OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The gates of a repository: those of the App and the repository, then those of each environment's branch."""

    full_name: str
    general: tuple[ProtectionCheck, ...]
    branches: tuple[tuple[Guarded, tuple[ProtectionCheck, ...]], ...]
    without_branch: tuple[tuple[str, ProtectionCheck], ...]
    """The environments whose branch does not exist."""
    root_modules: tuple[str, ...] = ()
    """Errors in root modules. They are not missing gates: every pull request that touches such a root module fails."""

    @property
    def missing(self) -> int:
        """The number of gates that are missing or weaker than they should be."""
        gates = [*self.general, *(gate for _, found in self.branches for gate in found)]
        return sum(gate.state == State.MISSING for gate in (*gates, *(gate for _, gate in self.without_branch)))


async def examine(
    github: GitHubApp,
    app_id: int,
    full_name: str,
    *,
    administrator: str | None = None,
    authority: AuthoritySettings | None = None,
    vault: Vault | None = None,
    vault_role: str | None = None,
    sandbox: SandboxSettings | None = None,
) -> Diagnosis:
    """Examine a repository. `administrator` is a person's token, which can read bypass lists.

    `authority`, `vault`, `vault_role` and `sandbox` are the server's settings. Without `vault`, teams and secret paths
    are not checked. Without `sandbox`, the sandbox and control groups are not checked.

    Raises JobError if the App is not installed on the repository or is suspended, or if no environment has a branch;
    ConfigInvalid if the repository's config cannot be read; and GitHubError.
    """
    installation = await github.installation_of(full_name)
    app = await github.me()
    if installation is None:
        raise JobError(f"{app.name} is not installed on {full_name}: install it at {app.html_url}/installations/new")
    if installation.suspended:
        raise JobError(
            f"the installation of {app.name} on {installation.account} is suspended: an owner can unsuspend it"
        )
    general = check_app(read_app_manifest(), app, installation)
    if sandbox is not None:
        general = (*general, await asyncio.to_thread(check_sandbox, sandbox), check_control_groups())
    rules = github.rules(installation, full_name, administrator=administrator)
    repository = await rules.repository()
    config, branches = await _config(rules, repository)
    uses = await examine_secret_use(
        config, repository.id, repository.full_name, authority or AuthoritySettings(), vault, github
    )
    guarded, without = [], []
    for name, environment in config.branch_environments.items():
        if environment.branch not in branches:
            without.append((str(name), _no_branch(environment.branch)))
            continue
        guarded.append(
            Guarded(
                environment=name,
                branch=environment.branch,
                sources=await rules.of_branch(environment.branch),
                sees_classic=rules.sees_classic_protection,
                app_id=app_id,
                four_eyes=config.four_eyes,
                has_code_owners=await _has_code_owners(rules, environment.branch),
                promotes_from=environment.promote_from,
                allows_merge_commits=repository.allow_merge_commit,
            )
        )
    return Diagnosis(
        full_name=repository.full_name,
        general=(
            *general,
            *check_repository(repository),
            *map(_secret_check, uses),
            *_plans_apart(config, vault, vault_role),
        ),
        branches=tuple((each, check_branch(each)) for each in guarded),
        without_branch=tuple(without),
    )


async def _config(rules: Rules, repository: RepositoryAllows) -> tuple[RepositoryConfig, frozenset[BranchName]]:
    """The config on the default branch, and the existing branches."""
    branches = frozenset(await rules.branches())
    content = await rules.file(CONFIG_PATH, repository.default_branch)
    name = repository.full_name.rpartition("/")[2]
    config = read_config(content, branches=branches, repository_name=name)
    if not config.branch_environments:
        raise JobError(
            f"{repository.full_name} has no environment with a branch: "
            f"create the branch staging, or name another branch in {CONFIG_PATH}"
        )
    return config, branches


def _secret_check(use: SecretUse) -> ProtectionCheck:
    said = f"{use.name}: {use.why}"
    state = State.MET if use.allowed else State.MISSING
    return ProtectionCheck(name=use.name.partition(" ")[0], state=state, said=said, setting=use.command)


def _plans_apart(config: RepositoryConfig, vault: Vault | None, role: str | None) -> Iterator[ProtectionCheck]:
    """Find environments in which previews, which run unreviewed code, have the credentials of applies."""
    sources = DEFAULT_SOURCES if config.secrets is None else config.secrets
    if vault is None or not sources or any("{operation}" in text for text in (role or "", *(s.path for s in sources))):
        return
    for name, environment in config.branch_environments.items():
        if environment.promote_from is None and environment.preview == "always":
            said = f"pull requests into {environment.branch} are planned with the same credentials as applies in {name}"
            setting = (
                "{operation} in VAULT_ROLE or in a path of secrets, so that Vault gives plans fewer rights, or "
                f"environments.{name}.preview: on_approval in {CONFIG_PATH}"
            )
            yield ProtectionCheck(name="preview", state=State.ADVICE, said=said, setting=setting)


def _no_branch(branch: str) -> ProtectionCheck:
    said, setting = f"there is no branch {branch}", f"create it: git push origin HEAD:refs/heads/{branch}"
    return ProtectionCheck(name="branch", state=State.MISSING, said=said, setting=setting)


async def _has_code_owners(rules: Rules, branch: BranchName) -> bool:
    found = await asyncio.gather(*(rules.file(path, branch) for path in _CODE_OWNERS))
    return any(content is not None for content in found)
