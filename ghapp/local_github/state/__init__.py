"""The state of the local GitHub: plain, mutable records, changed only under `World.lock`."""

from ghapp.local_github.state.accounts import (
    BASE_ROLES,
    JSON,
    WEB_FLOW,
    Account,
    App,
    CustomRole,
    Installation,
    InstallationToken,
    Permissions,
    SignInCode,
    Team,
    UserToken,
)
from ghapp.local_github.state.checks import CheckRun, CheckSuite, CommitStatus, Deployment, DeploymentStatus
from ghapp.local_github.state.deliveries import Delivery
from ghapp.local_github.state.protection import BranchProtection, RequiredCheck, Ruleset
from ghapp.local_github.state.repositories import Activity, ActivityType, Issue, PullRequest, QueueEntry, Repository
from ghapp.local_github.state.writing import Comment, Reaction, Review, ReviewState, ReviewThread

__all__ = [
    "BASE_ROLES",
    "JSON",
    "WEB_FLOW",
    "Account",
    "Activity",
    "ActivityType",
    "App",
    "BranchProtection",
    "CheckRun",
    "CheckSuite",
    "Comment",
    "CommitStatus",
    "CustomRole",
    "Delivery",
    "Deployment",
    "DeploymentStatus",
    "Installation",
    "InstallationToken",
    "Issue",
    "Permissions",
    "PullRequest",
    "QueueEntry",
    "Reaction",
    "Repository",
    "RequiredCheck",
    "Review",
    "ReviewState",
    "ReviewThread",
    "Ruleset",
    "SignInCode",
    "Team",
    "UserToken",
]
