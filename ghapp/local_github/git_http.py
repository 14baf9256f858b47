"""Smart HTTP for git: git's own programs with GitHub's permissions and branch protection."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import tempfile
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ghapp.local_github import large_files, upload_pack
from ghapp.local_github.access import Actor, Anonymous, Person, actor_account, authenticate, has_role, may_push, require
from ghapp.local_github.errors import ApiError
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.protection import Violation, denies_force, push_violations
from ghapp.local_github.pushes import QUEUE_PREFIX, ref_moved
from ghapp.local_github.state import Repository
from ghapp.local_github.world import World

_PATH = re.compile(rf"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack|{large_files.ACTIONS})")
_UPLOAD_PACK = "application/x-git-upload-pack"
_FETCH = ("POST", f"{_UPLOAD_PACK}-request")
_ABILITIES = ("info/refs", "service=git-upload-pack", "version=2")
_NOT_KEPT = {
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
}
_COMMAND = re.compile(rb"^([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n]+)")


def is_git(path: str) -> bool:
    return _PATH.fullmatch(path) is not None


class GitHttp:
    def __init__(self, world: World) -> None:
        self._world = world
        self._abilities: Response | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        try:
            response = await self._serve(request, body)
        except ApiError as error:
            headers = {"WWW-Authenticate": 'Basic realm="GitHub"'} if error.status == 401 else {}
            response = Response(error.message + "\n", error.status, headers, media_type="text/plain")
        await response(scope, receive, send)

    async def _serve(self, request: Request, body: bytes) -> Response:
        match = _PATH.fullmatch(request.url.path)
        assert match is not None
        owner, name, action = match.groups()
        pushing = action == "git-receive-pack" or request.query_params.get("service") == "git-receive-pack"
        large = large_files.is_large_files(action)
        pushing = pushing or (large and large_files.pushes(action, request.method, body))
        actor, repository = await to_thread.run_sync(self._admit, request, f"{owner}/{name}", pushing)
        if large:
            return large_files.serve(repository, request, action, body)
        headers = request.headers
        if action == "git-upload-pack" and (request.method, headers.get("content-type")) == _FETCH:
            return await _upload_pack(repository, request, body)
        if (action, request.url.query, headers.get("git-protocol")) == _ABILITIES:
            # This answer depends on git's version, but not on the repository, so one answer serves all repositories.
            if self._abilities is None:
                answer = await _backend(repository, request, action, body, {})
                if answer.status_code != 200:
                    return answer
                self._abilities = answer
            return self._abilities
        if action != "git-receive-pack":
            return await _backend(repository, request, action, body, {})
        commands = _read_commands(body)
        with tempfile.NamedTemporaryFile(mode="w", suffix=".rules", encoding="utf-8") as rules:
            rules.write(await to_thread.run_sync(self._rules, repository, actor, commands))
            rules.flush()
            response = await _backend(repository, request, action, body, {"LOCAL_GITHUB_RULES": rules.name})
        await to_thread.run_sync(self._after_push, repository, actor, commands)
        return response

    def _admit(self, request: Request, full_name: str, pushing: bool) -> tuple[Actor, Repository]:
        with self._world.lock:
            actor = authenticate(self._world, request.headers.get("authorization"))
            repository = self._world.find_repository(full_name)
            if repository is None and full_name.lower() in self._world.former_names:
                repository = self._world.repositories.get(self._world.former_names[full_name.lower()])
            if isinstance(actor, Anonymous) and (repository is None or repository.private or pushing):
                raise ApiError(401, "Repository not found." if repository is None else "Authentication required.")
            if repository is None:
                raise ApiError(404, "Repository not found.")
            try:
                require(self._world, actor, repository, "contents", "write" if pushing else "read")
            except ApiError as error:
                if pushing and maintained_branches(self._world, actor, repository):
                    return actor, repository
                if error.status != 403:
                    raise ApiError(404, "Repository not found.") from None
                login = actor_account(actor).login
                raise ApiError(403, f"Permission to {repository.full_name}.git denied to {login}.") from None
            if pushing and repository.archived:
                raise ApiError(403, "This repository was archived so it is read-only.")
            return actor, repository

    def _rules(self, repository: Repository, actor: Actor, commands: list[tuple[str, str, str]]) -> str:
        """Return the rules of this push for the `update` hook: one line for each ref that is restricted."""
        lines = []
        with self._world.lock:
            maintained = None
            if not may_push(self._world, actor, repository):
                maintained = maintained_branches(self._world, actor, repository)
            for _, after, ref in commands:
                branch = ref.removeprefix("refs/heads/")
                if maintained is not None and (branch not in maintained or after == NO_SHA):
                    login = actor_account(actor).login
                    lines.append(f"{ref}\tdeny\tPermission to {repository.full_name}.git denied to {login}.\n")
                    continue
                if not ref.startswith("refs/heads/"):
                    continue
                violations = push_violations(
                    self._world, repository, branch, actor, after=None if after == NO_SHA else after
                )
                if branch.startswith(QUEUE_PREFIX):
                    violations = [
                        Violation(type="merge_queue", message="Cannot update this protected ref.", by_ruleset=True)
                    ]
                if violations:
                    lines.append(f"{ref}\tdeny\t{_refusal(ref, violations)}\n")
                elif denies_force(self._world, repository, branch, actor):
                    forced = Violation(
                        type="non_fast_forward", message="Cannot force-push to this branch", by_ruleset=False
                    )
                    lines.append(f"{ref}\tfast-forward\t{_refusal(ref, [forced])}\n")
        return "".join(lines)

    def _after_push(self, repository: Repository, actor: Actor, commands: list[tuple[str, str, str]]) -> None:
        with self._world.lock:
            for before, after, ref in commands:
                if (repository.git.ref(ref) or NO_SHA) == after and before != after:
                    ref_moved(self._world, repository, ref, before, after, actor_account(actor))


def maintained_branches(world: World, actor: Actor, fork: Repository) -> set[str]:
    """Return the branches of a fork to which the actor may push as a maintainer of the base repository.

    They are the heads of open pull requests whose author allows it.

    https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/working-with-forks/allowing-changes-to-a-pull-request-branch-created-from-a-fork
    """
    return {
        pull.head_ref
        for repository in world.repositories.values()
        for pull in repository.pulls
        if pull.head_repository is fork
        and pull.state == "open"
        and pull.maintainer_can_modify
        and isinstance(actor, Person)
        and has_role(world, actor.account, repository, "write")
    }


def _refusal(ref: str, violations: list[Violation]) -> str:
    """Return GitHub's message, with line ends written as `\\n` for the hook."""
    if any(violation.by_ruleset for violation in violations):
        listed = "".join(f"\\n- {violation.message}" for violation in violations)
        return f"error: GH013: Repository rule violations found for {ref}.{listed}"
    listed = "".join(f"\\nerror: {violation.message}" for violation in violations)
    return f"error: GH006: Protected branch update failed for {ref}.{listed}"


def _read_commands(body: bytes) -> list[tuple[str, str, str]]:
    """Return (before, after, ref) for each pkt-line up to the first flush."""
    commands, at = [], 0
    while at + 4 <= len(body) and (size := int(body[at : at + 4], 16)) >= 4:
        if match := _COMMAND.match(body[at + 4 : at + size]):
            before, after, ref = (part.decode() for part in match.groups())
            commands.append((before, after, ref))
        at += size
    return commands


async def _backend(
    repository: Repository, request: Request, action: str, body: bytes, more: dict[str, str]
) -> Response:
    """Run `git http-backend` as a CGI program."""
    path = repository.git.path
    environ = {
        **_environ(request),
        "GIT_PROJECT_ROOT": str(path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{Path(path).name}/{action}",
        "QUERY_STRING": request.url.query,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "REMOTE_USER": "git",
        "REMOTE_ADDR": "127.0.0.1",
        **more,
    }
    output = await _run(path, environ, body, "http-backend")
    head, _, content = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split(" ", 1)[0])
    return Response(content, status, headers)


async def _upload_pack(repository: Repository, request: Request, body: bytes) -> Response:
    """Run `git upload-pack` as `git http-backend` does, unless this process can answer."""
    if request.headers.get("content-encoding") in ("gzip", "x-gzip"):
        body = gzip.decompress(body)
    output = None
    if request.headers.get("git-protocol") == "version=2":
        output = await to_thread.run_sync(upload_pack.list_refs, repository.git, body)
    if output is None:
        output = await _run(repository.git.path, _environ(request), body, "upload-pack", "--stateless-rpc", ".")
    return Response(output, 200, {**_NOT_KEPT, "Content-Type": f"{_UPLOAD_PACK}-result"})


def _environ(request: Request) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }


async def _run(path: Path, environ: dict[str, str], body: bytes, *words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "git", *words, env=environ, cwd=path, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output, _ = await process.communicate(body)
    return output
