"""The operator's CLI configuration and caches of providers, with real engines."""

import asyncio
from pathlib import Path

import pytest

from ghapp.terraform import Finished, Terraform, Workdir, prepare_workdir
from ghapp.terraform.provider_cache import cached_providers, one_writer, remove_provider
from tests.ghapp.terraform.bench import BACKEND, NEEDS_AN_ENGINE, Bench, planned

pytestmark = NEEDS_AN_ENGINE


class TestTheOperatorsConfiguration:
    def _provider(self, directory: Path) -> Path:
        place = directory / "registry.terraform.io/acme/thing/1.0.0/linux_amd64"
        place.mkdir(parents=True)
        program = place / "terraform-provider-thing_v1.0.0"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        return directory

    def test_providers_come_from_the_mirror_of_the_operators_configuration(
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

    def test_a_missing_configuration_file_is_not_passed_on(
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
        [provider] = cached_providers(cache)

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
