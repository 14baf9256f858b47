"""Runs that are stopped, cancelled or over their time limit, and states that another run has locked."""

import asyncio

import pytest

from ghapp.terraform import Failure, Finished, Stop, Terraform, Workdir
from ghapp.terraform.provider_cache import one_writer
from tests.ghapp.terraform.bench import BACKEND, NEEDS_AN_ENGINE, Bench, planned, proceed

pytestmark = NEEDS_AN_ENGINE

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

    def test_no_command_is_started_after_a_stop_was_requested(self, bench: Bench, any_terraform: Terraform) -> None:
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

    def test_a_command_that_ended_before_the_interrupt_is_done(self) -> None:
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

    def test_a_command_over_its_time_limit_is_stopped(self, bench: Bench, any_terraform: Terraform) -> None:
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
