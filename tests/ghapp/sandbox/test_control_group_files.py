"""The files of a control group: how Planward writes and reads them.

A plain directory replaces the cgroup file system, since few machines that run tests delegate memory.
"""

import asyncio
import os
from pathlib import Path

import pytest

from ghapp.processes import Exceeded, Limits
from ghapp.processes.bounds import of_group
from ghapp.processes.cgroups import ControlGroups, Group
from ghapp.processes.limits import Guard
from tests.ghapp.sandbox.confined import MB


class TestFiles:
    @pytest.fixture
    def groups(self, tmp_path: Path) -> ControlGroups:
        for name, content in {
            "cgroup.procs": "",
            "cgroup.controllers": "cpuset cpu io memory hugetlb pids",
            "cgroup.subtree_control": "",
        }.items():
            (tmp_path / name).write_text(content)
        return ControlGroups.opened(tmp_path)

    LIMITS = Limits(memory_bytes=400 * MB, processes=50)

    @staticmethod
    def contents(group: Group) -> dict[str, str]:
        return {path.name: path.read_text() for path in group.path.iterdir()}

    def test_a_plan_of_a_pull_request_is_killed_as_a_whole_at_its_limit(self, groups: ControlGroups) -> None:
        assert self.contents(groups.make(of_group(self.LIMITS))) == {
            "memory.max": "400000000",
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "pids.max": "500",
        }

    def test_a_command_that_holds_a_lock_has_time_to_end_before_the_kernel_kills_its_largest_process(
        self, groups: ControlGroups
    ) -> None:
        assert self.contents(groups.make(of_group(Limits(memory_bytes=400 * MB, interrupt_first=True)))) == {
            "memory.max": "800000000",
            "memory.swap.max": "0",
            "memory.oom.group": "0",
        }

    def test_without_limits_nothing_is_bounded(self, groups: ControlGroups) -> None:
        assert self.contents(groups.make(of_group(Limits()))) == {}

    def test_runs_get_a_third_of_planwards_weight_and_other_users_cannot_enter_either_group(
        self, groups: ControlGroups, tmp_path: Path
    ) -> None:
        [runs] = tmp_path.glob("runs-*")
        assert (runs / "cpu.weight").read_text() == "33"
        assert [oct(path.stat().st_mode & 0o777) for path in (runs, tmp_path / "planward")] == ["0o700", "0o700"]
        assert groups.protection == "each command has a control group of its own (cpu, memory, pids)"

    def test_a_limit_of_a_controller_that_is_not_delegated_is_measured(self, tmp_path: Path) -> None:
        (tmp_path / "cgroup.procs").write_text("")
        (tmp_path / "cgroup.controllers").write_text("hugetlb")
        (tmp_path / "cgroup.subtree_control").write_text("")
        groups = ControlGroups.opened(tmp_path)
        assert self.contents(groups.make(of_group(self.LIMITS))) == {}
        assert groups.protection == "each command has a control group of its own (without controllers)"

    @pytest.mark.parametrize(
        ("events", "peak", "taken"),
        [
            ("low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\n", "400000000", None),
            ("max 9\noom 1\noom_kill 3\n", "400000000", 400 * MB),
            ("max 9\noom 1\noom_kill 1\n", "800000000", 800 * MB),
            # The machine, or the unit, had no memory left.
            ("max 0\noom 0\noom_kill 3\n", "100000000", None),
        ],
        ids=["copies of files were taken back", "killed", "killed while it had its time", "killed for others"],
    )
    def test_a_command_that_the_kernel_killed_at_its_own_limit_is_reported_as_one_that_exceeded_it(
        self, groups: ControlGroups, events: str, peak: str, taken: int | None
    ) -> None:
        group = groups.make({"memory.events": events, "memory.peak": peak})

        async def found() -> Exceeded | None:
            guard = Guard(self.LIMITS, group)
            guard.check_group()
            return guard.found()

        assert asyncio.run(found()) == (taken and Exceeded(limit="memory", size_bytes=taken, allowed_bytes=400 * MB))

    @pytest.mark.parametrize(
        ("files", "refused"),
        [
            ({"pids.events": "max 0\n"}, None),
            ({"pids.events": "max 2\n", "pids.max": "500\n", "pids.peak": "500\n"}, "pids"),
            ({"pids.events": "max 2\n", "pids.max": "500\n", "pids.peak": "300\n"}, None),
            ({"pids.events": "max 2\n", "pids.max": "500\n"}, "pids"),
        ],
        ids=["none", "at its limit", "at a limit further up", "before 6.1"],
    )
    def test_tasks_that_the_kernel_refused_at_the_limit_of_the_command_itself_count(
        self, groups: ControlGroups, files: dict[str, str], refused: str | None
    ) -> None:
        assert groups.make(files).refused() == refused

    def test_memory_is_what_the_kernel_cannot_take_back(self, groups: ControlGroups) -> None:
        stat = "anon 100\nfile 5000\nkernel 50\nshmem 30\nfile_mapped 4000\nslab_reclaimable 20\n"
        group = groups.make({"memory.current": "5150\n", "memory.stat": stat})
        (group.path / "cgroup.procs").write_text(f"{os.getpid()}\n")
        (group.path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\nsystem_usec 1\n")
        usage = asyncio.run(group.usage(10))
        assert (usage.memory_bytes, usage.processor_s) == (5150 - 4970 - 20, 2.5)
        assert [each.pid for each in usage.processes] == [os.getpid()]

    def test_a_controller_that_the_kernel_refuses_is_left_out(self, tmp_path: Path) -> None:
        for name, content in {"cgroup.procs": "0\n", "cgroup.controllers": "pids"}.items():
            (tmp_path / name).write_text(content)
        (tmp_path / "cgroup.subtree_control").mkdir()  # cannot be written
        assert ControlGroups.opened(tmp_path).protection.endswith("(without controllers)")
