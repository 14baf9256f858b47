"""Deployments and their statuses.

https://docs.github.com/en/rest/deployments
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.github.creation import create_once
from ghapp.github.repository_access import RepositoryAccess
from ghapp.values import CommitSha, RunId

DeploymentState = Literal["queued", "pending", "in_progress", "success", "failure", "error", "inactive"]
_DESCRIPTION: Final = 140


class DeploymentSeen(Struct, frozen=True, kw_only=True):
    """A deployment as GitHub has it; `run` is None if the deployment is not Planward's."""

    id: int
    sha: CommitSha
    environment: str
    run: RunId | None


class _Listed(Struct):
    id: int
    sha: CommitSha
    environment: str
    payload: object = None


class _Created(Struct):
    id: int


class _Status(Struct):
    id: int
    state: str
    description: str | None = None


class Deployments:
    """The deployments of one repository."""

    _access: RepositoryAccess

    async def create_deployment(
        self,
        *,
        sha: CommitSha,
        environment: str,
        description: str,
        run: RunId,
        production: bool,
        look_first: bool = False,
    ) -> int:
        """Create the deployment of one commit to one environment and return its id.

        `run` is part of the payload, so that `look_first` finds the deployment of an interrupted attempt. GitHub
        neither merges anything into the commit nor waits for its checks: Planward's gate decides.
        """
        doing = f"create the deployment to {environment}"

        async def create() -> int:
            created = await self._access.calls.send(
                "POST",
                "/repos/{owner}/{repo}/deployments",
                _Created,
                doing=doing,
                json={
                    "ref": sha,
                    "environment": environment,
                    "description": _cut(description),
                    "payload": {"run": run},
                    "production_environment": production,
                    "transient_environment": False,
                    "auto_merge": False,
                    "required_contexts": [],
                },
                repeatable=False,
            )
            return created.id

        async def find() -> int | None:
            return await self.find_deployment(sha=sha, environment=environment, run=run)

        made = await create_once(create, find, look_first=look_first, settle_s=self._access.settle_s)
        return made.resource

    async def find_deployment(self, *, sha: CommitSha, environment: str, run: RunId) -> int | None:
        """The deployment that this run created, if there is one."""
        pages = self._access.calls.read_pages(
            "/repos/{owner}/{repo}/deployments",
            list[_Listed],
            doing=f"list the deployments to {environment}",
            query={"sha": sha, "environment": environment},
        )
        async for page in pages:
            for deployment in page:
                if _run_of(deployment.payload) == run:
                    return deployment.id
        return None

    async def deployments(self, environment: str, *, limit: int = 100) -> tuple[DeploymentSeen, ...]:
        """The latest deployments to an environment, newest first, by any creator."""
        pages = self._access.calls.read_pages(
            "/repos/{owner}/{repo}/deployments",
            list[_Listed],
            doing=f"list the deployments to {environment}",
            query={"environment": environment, "per_page": min(limit, 100)},
        )
        seen: list[DeploymentSeen] = []
        async for page in pages:
            seen += [
                DeploymentSeen(id=each.id, sha=each.sha, environment=each.environment, run=_run_of(each.payload))
                for each in page
            ]
            if len(seen) >= limit:
                break
        return tuple(seen[:limit])

    async def set_deployment_status(
        self,
        deployment_id: int,
        state: DeploymentState,
        *,
        description: str = "",
        log_url: str | None = None,
        environment_url: str | None = None,
        auto_inactive: bool = False,
        look_first: bool = False,
    ) -> None:
        """Add a status; the description is cut at GitHub's 140 characters.

        `look_first` is for resuming after an interruption: if the deployment's newest status is already this one, it is
        not added again. If GitHub's answer is lost, the same check is made. `auto_inactive` makes GitHub mark earlier
        deployments to the same environment as inactive, unless it is a production environment.
        """
        doing = "set a deployment's status"
        body: dict[str, object] = {"state": state, "description": _cut(description), "auto_inactive": auto_inactive}
        if log_url is not None:
            body["log_url"] = log_url
        if environment_url is not None:
            body["environment_url"] = environment_url

        async def create() -> int:
            created = await self._access.calls.send(
                "POST",
                "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
                _Created,
                doing=doing,
                json=body,
                repeatable=False,
                at={"deployment_id": deployment_id},
            )
            return created.id

        async def find() -> int | None:
            response = await self._access.calls.read(
                "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
                list[_Status],
                doing=doing,
                query={"per_page": 1},
                at={"deployment_id": deployment_id},
            )
            same = [each.id for each in response if each.state == state and each.description == body["description"]]
            return same[0] if same else None

        await create_once(create, find, look_first=look_first, settle_s=self._access.settle_s)


def _cut(description: str) -> str:
    return description if len(description) <= _DESCRIPTION else description[: _DESCRIPTION - 1] + "…"


class _Payload(Struct):
    run: RunId


def _run_of(payload: object) -> RunId | None:
    # GitHub returns a payload as it was sent: as an object, or as text that may be JSON. Other programs create
    # deployments too, so a payload may have any content.
    try:
        if isinstance(payload, str):
            return read_json(payload, _Payload).run
        return msgspec.convert(payload, _Payload).run
    except (UnreadableJson, msgspec.ValidationError):
        return None
