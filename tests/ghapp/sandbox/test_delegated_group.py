"""How Planward finds its delegated control group, tested on a plain directory instead of the cgroup file system."""

import os
from pathlib import Path

import pytest

from ghapp.processes import delegated_group as delegation
from ghapp.processes.cgroups import examine_control_groups
from ghapp.processes.delegated_group import NoControlGroups, find_delegated


class TestDelegation:
    UNIFIED = "30 23 0:26 / {top} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    HYBRID = "33 31 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n41 31 0:31 / {top} rw - cgroup2 cgroup2 rw\n"

    @pytest.fixture
    def top(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(delegation, "_PROC", tmp_path / "proc")
        monkeypatch.setattr(os, "getxattr", lambda group, name: (Path(group) / name).read_bytes())
        (tmp_path / "proc/self").mkdir(parents=True)
        return tmp_path / "cgroup tree"

    @staticmethod
    def made(top: Path, name: str, *, mounts: str, own: str | None = None, marked: bool = False) -> Path:
        group = top / name.lstrip("/")
        group.mkdir(parents=True)
        for file in ("cgroup.procs", "cgroup.subtree_control", "cgroup.kill"):
            (group / file).touch()
        if marked:
            (group / "user.delegate").write_text("1")
        self = top.parent / "proc/self"
        (self / "mountinfo").write_text(mounts.format(top=str(top).replace(" ", r"\040")))
        (self / "cgroup").write_text(f"8:pids:/elsewhere\n0::{own or name}\n")
        return group

    @pytest.mark.parametrize("mounts", [UNIFIED, HYBRID], ids=["unified", "hybrid"])
    def test_a_group_that_systemd_delegates_is_used(self, top: Path, mounts: str) -> None:
        made = self.made(top, "/system.slice/planward.service", mounts=mounts, marked=True)
        assert find_delegated() == made

    def test_the_delegated_group_is_found_from_planwards_own_group_in_it(self, top: Path) -> None:
        unit = "/system.slice/planward.service"
        made = self.made(top, unit, mounts=self.UNIFIED, own=f"{unit}/planward", marked=True)
        assert find_delegated() == made

    @pytest.mark.parametrize("own", ["/", "/planward"])
    def test_the_group_of_a_container_is_used(self, top: Path, own: str) -> None:
        made = self.made(top, "/", mounts=self.UNIFIED, own=own)
        (made / "cgroup.type").touch()
        assert find_delegated() == made

    def test_a_control_group_that_is_mounted_alone_is_used(self, top: Path) -> None:
        made = self.made(top, "/", mounts=self.UNIFIED.replace(" / ", " /docker/7 "), own="/docker/7")
        (made / "cgroup.type").touch()
        assert find_delegated() == made

    def test_the_top_of_the_machine_and_groups_that_belong_to_systemd_are_left_alone(self, top: Path) -> None:
        self.made(top, "/", mounts=self.UNIFIED)
        refused(r"no control group is delegated to Planward")
        made = self.made(top, "/user.slice/user-0.slice/session-3.scope", mounts=self.UNIFIED)
        (made / "cgroup.type").touch()
        refused(r"no control group is delegated to Planward")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_control_group_is_not_used(self, top: Path) -> None:
        self.made(top, "/unit", mounts=self.UNIFIED, marked=True).chmod(0o500)
        refused(r"its control group is read-only")

    def test_an_old_kernel_cannot_end_a_group(self, top: Path) -> None:
        (self.made(top, "/unit", mounts=self.UNIFIED, marked=True) / "cgroup.kill").unlink()
        refused(r"the kernel is older than 5\.14")

    def test_a_machine_without_cgroup_v2_has_none(self, top: Path) -> None:
        self.made(top, "/unit", mounts="33 31 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n")
        refused(r"cgroup v2 is not mounted")
        (top.parent / "proc/self/cgroup").write_text("0::/../outside\n")
        refused(r"this process is in no group of cgroup v2")
        (top.parent / "proc/self/cgroup").unlink()
        refused(r"this platform has none")
        said = "Planward measures each command, without control groups: this platform has none"
        assert examine_control_groups() == said


def refused(why: str) -> None:
    """Check that no group is used, for this reason."""
    with pytest.raises(NoControlGroups, match=f"^{why}$"):
        find_delegated()
