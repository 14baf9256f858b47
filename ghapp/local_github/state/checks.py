"""Check suites and runs, commit statuses, deployments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ghapp.local_github.state.accounts import JSON, Account, App


@dataclass(slots=True, kw_only=True, eq=False)
class CheckSuite:
    id: int
    app: App
    head_sha: str
    head_branch: str | None
    before: str | None
    after: str | None
    created_at: datetime
    updated_at: datetime
    runs: list[CheckRun] = field(default_factory=list)

    @property
    def latest_runs(self) -> list[CheckRun]:
        """The newest run of each name."""
        return list({run.name: run for run in sorted(self.runs, key=lambda run: run.id)}.values())


@dataclass(slots=True, kw_only=True, eq=False)
class CheckRun:
    id: int
    suite: CheckSuite
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    details_url: str | None
    external_id: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[JSON] = field(default_factory=list)
    images: list[JSON] = field(default_factory=list)
    actions: list[JSON] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.suite.app


@dataclass(slots=True, kw_only=True, eq=False)
class CommitStatus:
    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: Account
    app_id: int | None
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class DeploymentStatus:
    id: int
    state: str
    description: str
    environment: str
    environment_url: str
    log_url: str
    creator: Account
    created_at: datetime
    via_app: App | None


@dataclass(slots=True, kw_only=True, eq=False)
class Deployment:
    id: int
    sha: str
    ref: str
    task: str
    payload: Any
    environment: str
    original_environment: str
    description: str | None
    creator: Account
    created_at: datetime
    updated_at: datetime
    transient_environment: bool
    production_environment: bool
    via_app: App | None
    statuses: list[DeploymentStatus] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.statuses[-1].state if self.statuses else "pending"
