"""Every key of `.github/planward.yml`, declared once: name, kind, default, meaning, first version, and section.

The reader, `planward config schema` and the table in docs/configuration.md use these declarations. Keys that only later
versions will implement are in `later` of their section; a config that has one is refused.
"""

from typing import Final, Literal, get_args

from checks.plan.parity import Parity
from ghapp.repository_config import words
from ghapp.repository_config.document import Value
from ghapp.repository_config.forms import (
    Choice,
    Choices,
    Count,
    Entries,
    Flag,
    Key,
    Named,
    NullableText,
    Renames,
    Section,
    Sections,
    Text,
    Texts,
)
from ghapp.repository_config.model import (
    OCCASIONS,
    BranchApply,
    Drafts,
    Occasion,
    Preview,
    TestingApply,
    TestingPlan,
)
from ghapp.values import TESTING as TESTING_NAME

SecretForm = Literal["tfvars", "env"]

_TEAM_FORM: Final = Text(
    words.TEAM,
    words.form(words.TEAM, 'must be one part of a path in Vault: letters, digits, ".", "_" and "-"'),
)


def _team_of(meaning: str) -> Key[str | None]:
    return Key(name="team", form=_TEAM_FORM, meaning=meaning, default=None)


# --- environments ----------------------------------------------------------------------------------------------------

TESTING_APPLY: Final[Key[TestingApply]] = Key(
    name="apply",
    form=Choice(get_args(TestingApply), later=("on_pull_request",)),
    default="never",
    meaning="Whether merges are applied to testing. never: no. on_merge: each merge is applied to testing first; if "
    "that fails, the branch's environment is not touched.",
)
TESTING_PLAN: Final[Key[TestingPlan | None]] = Key(
    name="plan",
    form=Choice(get_args(TestingPlan)),
    default=None,
    meaning='Whether pull requests are planned in testing. Default: "always" if the key environments lists '
    "testing, if Vault has secrets below testing's paths, if Vault is not used, or if the target has preview: never; "
    'otherwise "never".',
)
TESTING_TEAM: Final = _team_of("TEAM in the paths of testing's secrets, if they belong to another team.")
TESTING: Final = Section(
    wanted="a mapping",
    keys=(TESTING_APPLY, TESTING_PLAN, TESTING_TEAM),
    elsewhere={
        "branch": "testing has no branch: pull requests are planned in it; give the branch to another environment",
        "promote_from": "nothing is promoted into testing; remove the key",
        "approvers": "testing has no approvers: anybody with write access approves there; remove the key",
    },
    nullable=True,
)

ENVIRONMENT_NAME: Final = Text(words.ENVIRONMENT, lambda text: None, "the name of an environment")

BRANCH: Final[Key[str | None]] = Key(
    name="branch",
    form=Text(words.BRANCH, words.branch),
    default=None,
    meaning="The protected branch that is applied to this environment. Default: the environment's name. "
    '"testing" and "planward" are not allowed.',
)
PROMOTE_FROM: Final[Key[Value | None]] = Key(
    name="promote_from",
    form=NullableText(ENVIRONMENT_NAME),
    default=None,
    meaning="The environment in which a change must have been applied first. Default: staging for production "
    "if both are listed; null turns that off.",
)
PREVIEW: Final[Key[Preview]] = Key(
    name="preview",
    form=Choice(get_args(Preview)),
    default="always",
    meaning="When pull requests into its branch are planned in this environment. always: every one. "
    "on_approval: once somebody presses Preview or approves the head in a review; they need write access and, with "
    "four_eyes, must not have contributed to the pull request. never: not at all.",
)
BRANCH_APPLY: Final[Key[BranchApply]] = Key(
    name="apply",
    form=Choice(get_args(BranchApply)),
    default="automatic",
    meaning="Whether a merge is applied automatically or when somebody presses Apply.",
)
PARITY: Final[Key[Parity]] = Key(
    name="parity",
    form=Choice(get_args(Parity)),
    default="danger",
    meaning="Which differences from the preview hold an apply. danger: a change that the preview did not show and "
    "that destroys, replaces or forgets something, runs an action of a provider, or is among the report's dangers. "
    "hold: every difference of actions or values. With either value, an action of the preview that is missing in the "
    "new plan does not count.",
)
APPROVERS: Final[Key[tuple[str, ...]]] = Key(
    name="approvers",
    form=Texts(Text(words.APPROVER, words.approver)),
    default=(),
    meaning="Logins and teams (org/team) who may press Plan and Apply on a hold. Default: everybody with the "
    "role maintain or admin.",
)
APPROVALS: Final[Key[int]] = Key(
    name="approvals",
    form=Count(least=1, most=10),
    default=1,
    meaning="How many people have to approve a hold.",
)
ENVIRONMENT_TEAM: Final = _team_of("TEAM in the paths of this environment's secrets, if they belong to another team.")
ENVIRONMENT: Final = Section(
    wanted="a mapping",
    keys=(BRANCH, PROMOTE_FROM, PREVIEW, BRANCH_APPLY, PARITY, APPROVALS, APPROVERS, ENVIRONMENT_TEAM),
    nullable=True,
)

# --- secrets ---------------------------------------------------------------------------------------------------------

VARIABLE: Final = Text(words.VARIABLE, words.form(words.VARIABLE, "must be the name of a variable"))

SECRET_PATH: Final[Key[str | None]] = Key(
    name="path",
    form=Text(words.templates(words.SECRET_PLACEHOLDERS), words.secret_path),
    default=None,
    required=True,
    meaning="Mount and path in Vault, below kv/{team}/{branch} or kv/{team}/{environment}. Other paths must be allowed "
    "by the operator in PLANWARD_SECRET_PATHS. /* at the end means all secrets below the path. May contain {team}, "
    "{branch} (a / in it is written ~), {environment} and {operation}.",
)
SECRET_AS: Final[Key[SecretForm]] = Key(
    name="as",
    form=Choice(get_args(SecretForm)),
    default="tfvars",
    meaning="Whether the secret's keys are Terraform variables or environment variables.",
)
SECRET_FIELD: Final[Key[str | None]] = Key(
    name="field",
    form=Text(r"\S", lambda text: None),
    default=None,
    meaning="Use only this key of the secret. Default: all keys.",
)
SECRET_MAP: Final[Key[Entries | None]] = Key(
    name="map",
    form=Renames(VARIABLE, "a mapping from keys of the secret to names"),
    default=None,
    meaning="New names for keys of the secret (KEY: NAME). Default: each key keeps its name.",
)
SECRET: Final = Section(wanted="a mapping with path and as", keys=(SECRET_PATH, SECRET_AS, SECRET_FIELD, SECRET_MAP))

# --- root modules ----------------------------------------------------------------------------------------------------

FILES: Final = Texts(Text(words.templates(words.ROOT_MODULE_PLACEHOLDERS), words.file_template))
BACKEND_FILES: Final = FILES.also(words.no_setting)

WORKSPACE: Final[Key[str | None]] = Key(
    name="workspace",
    form=Text(words.templates(words.WORKSPACE_PLACEHOLDERS), words.workspace),
    default=None,
    meaning="Terraform's workspace. Default: {environment}. But if the root module has a file for -backend-config, the "
    'default is Terraform\'s own workspace, "default".',
)
VAR_FILES: Final[Key[tuple[str, ...] | None]] = Key(
    name="var_files",
    form=FILES,
    default=None,
    meaning="Var files, relative to dir; each must exist. Default: {environment}.tfvars and env/{environment}.tfvars, "
    "if they exist.",
)
BACKEND_CONFIG: Final[Key[tuple[str, ...] | None]] = Key(
    name="backend_config",
    form=BACKEND_FILES,
    default=None,
    meaning="Files for terraform init -backend-config, relative to dir; each must exist. Default: "
    "{environment}.backend.hcl and env/{environment}.backend.hcl, if they exist.",
)
EXTRA_ARGUMENTS: Final[Key[tuple[str, ...] | None]] = Key(
    name="extra_arguments",
    form=Texts(Text(words.ARGUMENT, words.argument)),
    default=None,
    meaning="Arguments of terraform plan, and of apply if it accepts them: -parallelism=N, -refresh=false, "
    "-lock-timeout=DURATION, -compact-warnings. Default: none.",
)
ROOT_MODULE_TEAM: Final = _team_of("TEAM in the paths of its secrets, if they belong to another team.")
_OVERRIDABLE: Final = (WORKSPACE, VAR_FILES, BACKEND_CONFIG, EXTRA_ARGUMENTS, ROOT_MODULE_TEAM)
OVERRIDE: Final = Section(wanted="a mapping", keys=_OVERRIDABLE)

DIR: Final[Key[str | None]] = Key(
    name="dir",
    form=Text(r"^(?![/~])[^*{}\\]+$", words.directory),
    default=None,
    required=True,
    meaning='Its directory, relative to the repository\'s root; "." is the root itself.',
)
WATCHED: Final = FILES
WATCH: Final[Key[tuple[str, ...] | None]] = Key(
    name="watch",
    form=WATCHED,
    default=None,
    meaning="More paths whose changes affect it, relative to dir. * stands for any part of a name, and ** for any "
    "directories. The path of a directory means everything below it. Default: none, unless the root module reads a "
    "file by a computed path that could lead anywhere. Then the default is every file of the repository, except "
    "Markdown files, hidden files and directories, and directories with .tf files. The last exception does not cover "
    "dir itself or the directories above it. An empty list turns this default off.",
)
DEPENDS_ON: Final[Key[tuple[str, ...]]] = Key(
    name="depends_on",
    form=Texts(Text(r"^(?![/~]|\.\./)[^\\]+$", words.path_inside)),
    default=(),
    meaning="Directories of root modules that are planned and applied before this one, besides those whose state it "
    "reads.",
)
REQUIRED_VERSION: Final[Key[str | None]] = Key(
    name="required_version",
    form=Text(words.CONSTRAINT, words.form(words.CONSTRAINT, "must be a constraint on versions such as >= 1.9, < 2")),
    default=None,
    meaning="A constraint on Terraform's version, in addition to the one in the root module's Terraform code, such as "
    '">= 1.9, < 2".',
)
OVERRIDES: Final[Key[Entries | None]] = Key(
    name="environments",
    form=Named(
        pattern=words.ENVIRONMENT,
        wanted="a mapping from environments to the settings that differ there",
        section=OVERRIDE,
        meaning="The settings that differ in this environment.",
    ),
    default=None,
    meaning="Settings that differ by environment.",
)
ROOT_MODULE: Final = Section(
    wanted="a mapping with dir",
    keys=(DIR, *_OVERRIDABLE, WATCH, DEPENDS_ON, REQUIRED_VERSION, OVERRIDES),
)

# --- notifications ---------------------------------------------------------------------------------------------------

URL: Final[Key[str | None]] = Key(
    name="url",
    form=Text(r"^(?:vault:kv/\{team\}/[^#*]+#.+|[A-Za-z][A-Za-z0-9+.-]*://\S+)$", words.chat_address),
    default=None,
    required=True,
    meaning="A Slack incoming webhook or a compatible one, an apprise URL, or vault:kv/{team}/PATH#KEY for an "
    "address in Vault.",
)
ON: Final[Key[tuple[Occasion, ...]]] = Key(
    name="on",
    form=Choices(Choice(OCCASIONS, later=("drift",))),
    default=OCCASIONS,
    meaning="On which occasions to notify. failed: an apply failed. waiting: a check run ended with action_required. "
    "applied: an apply succeeded. promotion: the check run of a promotion ended for the first time, or turned green "
    "for the first time.",
)
NOTIFY: Final = Section(wanted="a mapping with url", keys=(URL, ON))

# --- the whole config ------------------------------------------------------------------------------------------------

TEAM: Final = _team_of(
    "TEAM in the paths of secrets; the team or the operator must allow the repository to use them. Default: the "
    "repository's name when Planward first saw it."
)
ENVIRONMENTS: Final[Key[Entries | None]] = Key(
    name="environments",
    form=Named(
        pattern=words.ENVIRONMENT,
        wanted="a mapping from names to environments",
        section=ENVIRONMENT,
        meaning="An environment with its own branch.",
        special={TESTING_NAME: (TESTING, "The environment that exists only to try out changes; it has no branch.")},
    ),
    default=None,
    meaning="The environments. Default: testing, and staging and production if their branches exist. testing "
    "always exists, even if it is not listed.",
)
SECRETS: Final[Key[tuple[Value, ...] | None]] = Key(
    name="secrets",
    form=Sections(section=SECRET),
    default=None,
    meaning="Secrets to read from Vault. Default: kv/{team}/{branch}/* as variables and kv/{team}/{branch}/env "
    "as environment variables, if the operator has a Vault. An empty list reads nothing. If two entries of the "
    "list match a secret, the entry with the more specific path applies.",
)
ROOT_MODULES: Final[Key[tuple[Value, ...] | None]] = Key(
    name="root_modules",
    form=Sections(section=ROOT_MODULE, wanted="a list of root modules"),
    default=None,
    meaning="The complete list of root modules. Default: every directory that has a backend block, or that has .tf "
    "files and is not called by another module.",
)
CONFIRM: Final[Key[tuple[str, ...]]] = Key(
    name="confirm",
    form=Texts(Text(words.CONFIRM, words.confirm_word)),
    default=(),
    meaning="Changes that a second person has to confirm before they are applied: destroy, replace, or "
    "resource types such as aws_db_instance.",
)
FOUR_EYES: Final[Key[bool]] = Key(
    name="four_eyes",
    form=Flag(),
    default=True,
    meaning="Whether the approver must be somebody who did not write or push the change. If the change was "
    "merged without a green check, they must not have merged it either.",
)
DRAFTS: Final[Key[Drafts]] = Key(
    name="drafts",
    form=Choice(get_args(Drafts)),
    default="plan",
    meaning="Whether draft pull requests are planned, or skipped until they are ready for review.",
)
TRUSTED_BOTS: Final[Key[tuple[str, ...]]] = Key(
    name="trusted_bots",
    form=Texts(Text(words.BOT, words.bot)),
    default=(),
    meaning="Bots whose pull requests are planned in testing without approval. If such a bot updates a provider, the "
    "provider's new version is new code that gets testing's credentials before anybody has reviewed it.",
)
NOTIFICATIONS: Final[Key[tuple[Value, ...]]] = Key(
    name="notify",
    form=Sections(section=NOTIFY),
    default=(),
    meaning="Which chats to notify, and on which occasions.",
)
CONFIG: Final = Section(
    wanted="a mapping",
    keys=(
        TEAM,
        ENVIRONMENTS,
        SECRETS,
        ROOT_MODULES,
        CONFIRM,
        FOUR_EYES,
        DRAFTS,
        TRUSTED_BOTS,
        NOTIFICATIONS,
    ),
    later=("identity", "policies", "drift"),
)
