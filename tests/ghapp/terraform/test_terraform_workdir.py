"""The working directory of a run: secrets, environment, temporary directory and var files."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from ghapp.terraform import Finished, Terraform, TerraformError, Workdir
from ghapp.terraform.environment import is_reserved, temporary_directory
from tests.ghapp.terraform.bench import BACKEND, NEEDS_AN_ENGINE, Bench, plan_json, planned, proceed

pytestmark = NEEDS_AN_ENGINE


class TestSecrets:
    SECRETS = BACKEND + (
        'variable "password" {\n  type      = string\n  sensitive = true\n}\n'
        'variable "hosts" {\n  type = list(object({ name = string }))\n}\n'
        'data "terraform_remote_state" "none" {\n  count   = 0\n  backend = "local"\n}\n'
        'resource "terraform_data" "a" {\n  input = "${var.password}-${var.hosts[0].name}"\n}\n'
    )

    def test_secrets_reach_terraform_as_a_private_file(self, bench: Bench, terraform: Terraform) -> None:
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

    def test_secrets_without_a_declared_variable_are_named_and_not_passed(self, bench: Bench) -> None:
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

    def test_a_secret_with_a_name_that_planward_reserves_is_refused(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(_: Workdir) -> None: ...

        with pytest.raises(TerraformError) as refused:
            bench.run(story, env={"TF_CLI_ARGS_plan": "s3cret"})

        assert str(refused.value) == (
            'a secret is called "TF_CLI_ARGS_plan", but only Planward may set this environment variable: '
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
    def test_names_that_planward_reserves(self, name: str, ours: bool) -> None:
        assert is_reserved(name) is ours

    def test_secrets_are_not_in_the_repr_of_a_root_run(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(workdir: Workdir) -> str:
            return repr(workdir)

        assert "s3cret" not in bench.run(story, env={"A": "s3cret"})

    def test_secret_files_are_removed_when_the_run_is_cancelled(self, bench: Bench) -> None:
        bench.write(main=BACKEND)

        async def story(workdir: Workdir) -> None:
            assert workdir.var_files[0].is_file()
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            bench.run(story, tfvars={"a": "s3cret"})
        assert [path.name for path in bench.work.iterdir()] == [".lock"]


class TestTheTemporaryDirectory:
    @pytest.mark.parametrize("name", ["short", "long" * 20])
    def test_the_temporary_directory_leaves_room_for_a_providers_socket_and_is_removed(
        self, tmp_path: Path, name: str
    ) -> None:
        private = tmp_path / name
        private.mkdir()

        with temporary_directory(private) as temporary:
            assert len(str(temporary)) < 80
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o700

        assert temporary.is_relative_to(private) or not temporary.exists()


class TestVarFiles:
    def test_var_files_are_the_root_modules_own_and_secrets_override_them(
        self, bench: Bench, any_terraform: Terraform
    ) -> None:
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
    def test_a_var_file_that_cannot_be_used_is_refused(self, bench: Bench, path: str, said: str) -> None:
        bench.write(main=BACKEND)
        (bench.checkout / "net/link").symlink_to("/etc/hosts")

        async def story(_: Workdir) -> None: ...

        with pytest.raises(TerraformError) as refused:
            bench.run(story, var_files=[path])

        assert str(refused.value) == said
