"""Init, plan, show and apply with real engines."""

import asyncio
import json

import pytest

from ghapp.terraform import Finished, Terraform, Workdir, prepare_workdir
from tests.ghapp.terraform.bench import BACKEND, NEEDS_AN_ENGINE, Bench, planned, proceed

pytestmark = NEEDS_AN_ENGINE


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
