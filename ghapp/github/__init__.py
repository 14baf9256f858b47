"""GitHub's REST API for the App. Only this package uses githubkit."""

from ghapp.github.budget import Priority, Reason
from ghapp.github.calls import Patience
from ghapp.github.check_runs import (
    CheckRunAction,
    CheckRunDraft,
    CheckRunImage,
    CheckRunSeen,
    Conclusion,
    Progress,
    Status,
)
from ghapp.github.client import (
    API_VERSION,
    PUBLIC_API,
    AppSeen,
    GitHubApp,
    GitHubRepository,
    InstallationSeen,
)
from ghapp.github.comments import Reaction
from ghapp.github.delivery_log import DeliverySeen
from ghapp.github.deployments import DeploymentSeen, DeploymentState
from ghapp.github.errors import (
    GitHubError,
    GitHubRefused,
    GitHubUnavailable,
    InstallationGone,
    InstallationSuspended,
)
from ghapp.github.failures import Deferred, or_deferred
from ghapp.github.keys import AppKey, PemKey, SignedBy
from ghapp.github.permissions import Role
from ghapp.github.rules import Bypass, PullRequestRule, RepositoryAllows, RequiredCheck, Rules, RuleSource
from ghapp.github.source import PullRequestSeen
from ghapp.github.wire import OnCall

__all__ = [
    "API_VERSION",
    "PUBLIC_API",
    "AppKey",
    "AppSeen",
    "Bypass",
    "CheckRunAction",
    "CheckRunDraft",
    "CheckRunImage",
    "CheckRunSeen",
    "Conclusion",
    "Deferred",
    "DeliverySeen",
    "DeploymentSeen",
    "DeploymentState",
    "GitHubApp",
    "GitHubError",
    "GitHubRefused",
    "GitHubRepository",
    "GitHubUnavailable",
    "InstallationGone",
    "InstallationSeen",
    "InstallationSuspended",
    "OnCall",
    "Patience",
    "PemKey",
    "Priority",
    "Progress",
    "PullRequestRule",
    "PullRequestSeen",
    "Reaction",
    "Reason",
    "RepositoryAllows",
    "RequiredCheck",
    "Role",
    "RuleSource",
    "Rules",
    "SignedBy",
    "Status",
    "or_deferred",
]
