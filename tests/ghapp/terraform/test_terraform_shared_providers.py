"""Providers that one run installs and later runs reuse."""

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ghapp.terraform import Failure, Finished, Terraform, Workdir
from ghapp.terraform.provider_cache import cached_providers, checksum_of, remove_provider
from tests.ghapp.terraform.bench import NEEDS_AN_ENGINE, Bench

pytestmark = NEEDS_AN_ENGINE


def requiring(source: str) -> str:
    return f'terraform {{\n  required_providers {{\n    thing = {{\n      source = "{source}"\n    }}\n  }}\n}}\n'


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
    """The operator's mirror with packed providers, as in a registry: each init unpacks its own copy."""

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
        """The content of the run's provider, and whether it is a link into the cache."""
        (bench.checkout / "net/.terraform.lock.hcl").unlink(missing_ok=True)
        if (lock_file := laying.pop("lock_file", None)) is not None:
            (bench.checkout / "net/.terraform.lock.hcl").write_text(lock_file)

        async def story(workdir: Workdir) -> tuple[str, bool]:
            finished = await terraform.init(workdir, bench.log.append)
            assert finished.done, finished.diagnostics
            place = workdir.data_dir / "providers" / PACKAGE
            return (workdir.data_dir / "providers" / PROGRAM).read_text(), place.is_symlink()

        return bench.run(story, backend_config=[], provider_cache=bench.top / "providers", **laying)

    def test_a_provider_that_one_run_installed_is_there_for_the_next(
        self, bench: Bench, terraform: Terraform, mirror: Path
    ) -> None:
        assert self.installed(bench, terraform) == (GENUINE, False)
        [kept] = cached_providers(bench.top / "providers")
        assert (kept.path / "terraform-provider-thing_v1.0.0").read_text() == GENUINE
        locked = (bench.checkout / "net/.terraform.lock.hcl").read_text()
        assert checksum_of(kept.path) in locked
        mirror.rename(bench.top / "moved.zip")
        (bench.top / "mirror").mkdir(exist_ok=True)
        assert self.installed(bench, terraform) == (GENUINE, True)
        assert self.installed(bench, terraform, lock_file=locked) == (GENUINE, True)
        assert not (bench.top / "cache-of-the-operator").exists()

    @pytest.mark.parametrize("is_locked", [False, True])
    def test_a_program_that_a_plan_put_in_a_providers_place_is_not_run_by_the_next(
        self, bench: Bench, terraform: Terraform, mirror: Path, is_locked: bool
    ) -> None:
        self.installed(bench, terraform)
        locked = (bench.checkout / "net/.terraform.lock.hcl").read_text() if is_locked else None
        # The plan of any repository can do this if no sandbox keeps it from the cache.
        program = bench.top / "providers" / PROGRAM
        program.chmod(0o755)
        program.write_text(EVIL)
        assert self.installed(bench, terraform, lock_file=locked) == (GENUINE, False)
        assert program.read_text() == GENUINE
        assert self.installed(bench, terraform, lock_file=locked) == (GENUINE, True)

    def test_a_provider_without_its_checksum_is_not_shared(
        self, bench: Bench, any_terraform: Terraform, mirror: Path
    ) -> None:
        async def story(workdir: Workdir) -> None:
            before = workdir.providers.offer()
            assert (await any_terraform.init(replace(workdir, providers=replace(workdir.providers, cache=None)))).done
            (workdir.data_dir / "providers" / PROGRAM).write_text(EVIL)
            workdir.providers.add_installed(before)
            assert cached_providers(bench.top / "providers") == ()

        bench.run(story, backend_config=[], provider_cache=bench.top / "providers")

    def test_a_lock_file_made_on_another_system_is_obeyed_and_costs_one_download(
        self, bench: Bench, terraform: Terraform, mirror: Path
    ) -> None:
        self.installed(bench, terraform)
        lock_file = LOCKED_ELSEWHERE.format(zip=hashlib.sha256(mirror.read_bytes()).hexdigest())
        # The package exists, but it is not known yet whether it comes from the archive that the lock file names.
        found = [self.installed(bench, terraform, lock_file=lock_file) for _ in range(2)]
        assert found == [(GENUINE, False), (GENUINE, True)]

    @pytest.mark.parametrize("name", ["SSL_CERT_FILE", "HTTPS_PROXY", "TF_TOKEN_registry_terraform_io"])
    def test_a_provider_that_was_installed_with_a_runs_own_trust_settings_is_not_shared(
        self, bench: Bench, any_terraform: Terraform, mirror: Path, name: str
    ) -> None:
        assert self.installed(bench, any_terraform, env={name: "/nowhere"}) == (GENUINE, False)
        assert cached_providers(bench.top / "providers") == ()

    def test_a_provider_that_a_run_has_linked_stays(self, bench: Bench, any_terraform: Terraform, mirror: Path) -> None:
        cache = bench.top / "providers"
        self.installed(bench, any_terraform)
        [provider] = cached_providers(cache)
        os.utime(provider.path, (1, 1))
        (bench.checkout / "net/.terraform.lock.hcl").unlink()

        async def story(workdir: Workdir) -> None:
            assert (await any_terraform.init(workdir, bench.log.append)).done
            [linked] = cached_providers(cache)
            assert linked.used_at > 1, "linked once more it is used now"
            assert not remove_provider(cache, linked, bench.work)

        bench.run(story, backend_config=[], provider_cache=cache)
        assert remove_provider(cache, provider, bench.work)
        assert cached_providers(cache) == ()
        assert not any(path.name.startswith("removed") for path in bench.work.iterdir())
        assert self.installed(bench, any_terraform) == (GENUINE, False)

    @pytest.mark.parametrize(
        "operators", [None, "disable_checkpoint = true\n", '{"disable_checkpoint": true}'], ids=["none", "hcl", "json"]
    )
    def test_a_directory_in_the_tree_is_no_source_of_providers(
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
