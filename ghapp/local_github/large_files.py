"""Git LFS: objects in the directory of a repository, served by the batch API and basic transfers.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ghapp.local_github.state import Repository

ACTIONS = "info/lfs/objects/batch|info/lfs/objects/[0-9a-f]{64}"
_MEDIA_TYPE = "application/vnd.git-lfs+json"


def is_large_files(action: str) -> bool:
    return action.startswith("info/lfs/")


def pushes(action: str, method: str, body: bytes) -> bool:
    return method == "PUT" or (action.endswith("/batch") and json.loads(body).get("operation") == "upload")


def keep(repository: Repository, content: bytes) -> bytes:
    """Keep an object. Returns the pointer to it."""
    oid = hashlib.sha256(content).hexdigest()
    place = _place(repository, oid)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


def serve(repository: Repository, request: Request, action: str, body: bytes) -> Response:
    if action.endswith("/batch"):
        return JSONResponse(_batch(repository, request, json.loads(body)), media_type=_MEDIA_TYPE)
    oid = action.rpartition("/")[2]
    if request.method == "PUT":
        if hashlib.sha256(body).hexdigest() != oid:
            return Response("the content has a different id", 422)
        keep(repository, body)
        return Response()
    place = _place(repository, oid)
    return Response(place.read_bytes()) if place.is_file() else Response(status_code=404)


def _batch(repository: Repository, request: Request, asked: dict[str, object]) -> dict[str, object]:
    objects: list[dict[str, object]] = []
    listed = asked["objects"]
    assert isinstance(listed, list)
    for each in listed:
        answer = {"oid": each["oid"], "size": each["size"], "authenticated": True}
        is_kept = _place(repository, each["oid"]).is_file()
        href = f"{str(request.url).rpartition('/')[0]}/{each['oid']}"
        action = {"href": href, "header": {"Authorization": request.headers.get("authorization", "")}}
        if asked["operation"] == "upload":
            objects.append(answer if is_kept else {**answer, "actions": {"upload": action}})
        elif is_kept:
            objects.append({**answer, "actions": {"download": action}})
        else:
            objects.append({**answer, "error": {"code": 404, "message": "Object does not exist on the server"}})
    return {"transfer": "basic", "objects": objects}


def _place(repository: Repository, oid: str) -> Path:
    return repository.git.path / "large-files" / oid
