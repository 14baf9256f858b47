"""Logs and reports in an object store that speaks S3: moved when a run is over, and read from there by any machine."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from ghapp.errors import SettingsError
from ghapp.sealing import Sealer
from ghapp.store import KeptPlan, PlanState, Run, Store, StoreUnavailable, offloading
from ghapp.store.objects import Objects
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId
from tests.databases import new_sqlite

T = TypeVar("T")
KEY = "k" * 32
URL = "s3://planward-logs/of/planward"
ID = RunId("1" * 24)
RUN = Run(
    id=ID,
    repository_id=RepositoryId(7),
    operation="plan",
    environment=EnvironmentName("testing"),
    branch=BranchName("staging"),
    head_sha=CommitSha("a" * 40),
    base_sha=CommitSha("b" * 40),
    pull_request=1,
    attempt=0,
    check_run_name="planward/plan",
    state=PlanState(),
)
ROOTS = {("1:testing", "network"): b'{"a": 1}', ("1:testing", "shop"): b'{"b": 2}'}


@pytest.fixture(scope="module")
def made() -> Iterator[Any]:
    """A bucket of moto's, on loopback."""
    # Imported late because importing them takes half a second.
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    session = boto3.Session(aws_access_key_id="an-id", aws_secret_access_key="a-secret", region_name="us-east-1")
    bucket = session.resource("s3", endpoint_url=f"http://127.0.0.1:{port}").Bucket("planward-logs")
    bucket.create()
    yield bucket
    server.stop()


@pytest.fixture
def bucket(made: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket, and the environment with which Planward uses it."""
    environ = {
        "AWS_ENDPOINT": made.meta.client.meta.endpoint_url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_REGION": "us-east-1",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    made.objects.all().delete()
    return made


class Machine:
    """Planward on one of several machines, which share a database and the object store."""

    def __init__(self, database: Path, *keys: str, url: str | None = URL) -> None:
        self.now = 1_700_000_000.0
        if not database.exists():
            new_sqlite(database.parent)
        self._runner = asyncio.Runner()
        self.store = Store(f"sqlite:///{database}", Sealer(keys or (KEY,)), objects_url=url, clock=lambda: self.now)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self._runner.close()
        self.store.close()

    def complete(self) -> None:
        """Complete a run that has a log and reports."""
        runs = self.store.runs
        self.do(runs.begin(RUN))
        for number in range(4):
            self.do(runs.write_log(ID, f"testing/{number % 2}", [f"line {number}", "é" * 100]))
        for (part, root), report in ROOTS.items():
            self.do(runs.keep_root_run(ID, part, root, outcome="planned", report=report))
        self.do(runs.complete(ID, conclusion="success", title="", report=b"[1]"))

    def move(self) -> None:
        self.now += offloading.SETTLED_S
        for id, repository in self.do(self.store.offloading.pending(limit=10)):
            self.do(self.store.offloading.offload(id, repository))

    def read(self) -> tuple[Any, ...]:
        runs = self.store.runs
        return self.do(runs.read_log(ID)), self.do(runs.report(ID)), self.do(runs.root_reports(ID))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Machine]]:
    """Two machines on one database."""
    machines = [Machine(tmp_path / "planward.db") for _ in range(2)]
    yield machines
    for machine in machines:
        machine.close()


@pytest.fixture
def moved(bucket: Any, machines: list[Machine]) -> Machine:
    machine = machines[0]
    machine.complete()
    machine.move()
    return machine


def addresses(bucket: Any) -> list[str]:
    return [each.key for each in bucket.objects.all()]


def test_data_moved_by_one_machine_is_readable_on_another(
    bucket: Any, machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offloading, "_MOST_BYTES", 500)
    here, there = machines
    here.complete()
    before = here.read()
    log, report, roots = before
    assert [text.split("\n")[0] for _, _, text in log] == ["line 0", "line 1", "line 2", "line 3"]
    assert (report, roots) == (b"[1]", ROOTS)
    assert addresses(bucket) == []
    here.move()
    assert there.read() == before
    # The log can be read from any position: a browser may already have read a part of it.
    for position, _, _ in log:
        later = there.do(there.store.runs.read_log(ID, after=position))
        assert later == tuple(each for each in log if each[0] > position)
    place = f"of/planward/7/{ID}"
    assert addresses(bucket) == [f"{place}/log-1", f"{place}/log-2", f"{place}/report-1", f"{place}/roots-1"]
    with here.store._database.engine.begin() as connection:
        for table in ("log_lines", "root_runs"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
    assert there.do(there.store.offloading.pending(limit=10)) == ()


def test_no_object_is_stored_in_clear(bucket: Any, moved: Machine) -> None:
    contents = [each.get()["Body"].read() for each in bucket.objects.all()]
    assert len(contents) == 3
    for content in contents:
        assert not any(word in content for word in (b"line ", b"network", b'{"a"'))


def test_a_run_is_moved_only_when_it_is_over(bucket: Any, machines: list[Machine]) -> None:
    machine = machines[0]
    machine.do(machine.store.runs.begin(RUN))
    machine.do(machine.store.runs.write_log(ID, "testing/network", ["a line"]))
    machine.move()
    assert addresses(bucket) == []
    machine.do(machine.store.runs.complete(ID, conclusion="success", title="", report=b"[]"))
    assert machine.do(machine.store.offloading.pending(limit=10)) == ()
    machine.move()
    assert len(addresses(bucket)) == 2


def test_without_an_object_store_nothing_is_moved(bucket: Any, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "planward.db", url=None)
    machine.complete()
    machine.move()
    assert machine.read()[1] == b"[1]"
    assert addresses(bucket) == []
    machine.close()


def test_a_move_that_broke_off_is_made_again_and_loses_nothing(
    bucket: Any, machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offloading, "_MOST_BYTES", 500)
    machine = machines[0]
    machine.complete()
    before = machine.read()
    noted = offloading._record_and_delete
    # The first try moves nothing. Each later one moves one more piece: the report, the root reports, a part of the log.
    for breaks_at in (0, 1, 1, 1):
        done = 0

        def break_off(*arguments: Any, breaks_at: int = breaks_at) -> None:
            nonlocal done
            if done == breaks_at:
                raise KeyboardInterrupt
            done += 1
            noted(*arguments)

        monkeypatch.setattr(offloading, "_record_and_delete", break_off)
        with pytest.raises(KeyboardInterrupt):
            machine.move()
        assert machine.read() == before
    monkeypatch.setattr(offloading, "_record_and_delete", noted)
    machine.move()
    assert machine.read() == before
    assert len(addresses(bucket)) == 4


def test_while_the_object_store_is_down_nothing_is_lost_and_it_is_reported(
    bucket: Any, machines: list[Machine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = machines[0]
    machine.complete()
    before = machine.read()
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    away = Machine(tmp_path / "planward.db")
    with pytest.raises(StoreUnavailable, match=r"object store cannot be reached"):
        away.move()
    assert away.read() == before
    machine.move()
    with pytest.raises(StoreUnavailable, match=r"object store cannot be reached"):
        away.do(away.store.runs.report(ID))
    assert machine.read() == before
    away.close()


def test_moved_logs_are_unavailable_without_the_setting(moved: Machine, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "planward.db", url=None)
    with pytest.raises(StoreUnavailable, match=r"PLANWARD_OBJECT_STORE_URL is not set"):
        machine.do(machine.store.runs.report(ID))
    machine.close()


def test_an_object_that_somebody_else_removed_is_missing(bucket: Any, moved: Machine) -> None:
    bucket.objects.all().delete()
    assert moved.read() == ((), None, {})


def test_an_object_that_was_put_elsewhere_is_not_opened(bucket: Any, moved: Machine) -> None:
    place = f"of/planward/7/{ID}"
    bucket.Object(f"{place}/report-1").copy_from(CopySource=f"planward-logs/{place}/roots-1")
    with pytest.raises(Exception, match="changed or belongs to another"):
        moved.do(moved.store.runs.report(ID))


def test_retention_removes_objects(bucket: Any, moved: Machine) -> None:
    later = moved.now + 1
    assert moved.do(moved.store.retention.remove_logs(before=later, limit=10)) == 1
    assert [each.rpartition("/")[2] for each in addresses(bucket)] == ["report-1", "roots-1"]
    moved.do(moved.store.runs.begin(RUN))
    assert moved.read() == ((), b"[1]", ROOTS)
    assert moved.do(moved.store.retention.remove_runs(before=later, limit=10)) == 1
    assert addresses(bucket) == []


def test_a_removal_that_failed_because_the_object_store_was_down_is_repeated(
    bucket: Any, moved: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    later = moved.now + 1
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    away = Machine(tmp_path / "planward.db")
    with pytest.raises(StoreUnavailable):
        away.do(away.store.retention.remove_runs(before=later, limit=10))
    assert moved.read()[1:] == (b"[1]", ROOTS)
    away.close()
    assert moved.do(moved.store.retention.remove_runs(before=later, limit=10)) == 1
    assert addresses(bucket) == []


def test_objects_are_erased_when_the_app_is_uninstalled(bucket: Any, moved: Machine) -> None:
    repositories = moved.store.repositories
    moved.do(
        repositories.record(
            id=RUN.repository_id,
            installation_id=3,  # type: ignore[arg-type]
            full_name="acme/shop",
            clone_url="https://github.com/acme/shop.git",
            default_branch="staging",
        )
    )
    moved.do(repositories.deactivate(RUN.repository_id, for_good=True))
    assert moved.do(moved.store.retention.erase_uninstalled(limit=10)) == 1
    assert addresses(bucket) == []
    assert moved.read() == ((), None, {})


def test_objects_are_read_with_an_older_key_and_encrypted_again_with_the_first(
    bucket: Any, moved: Machine, tmp_path: Path
) -> None:
    before = moved.read()
    rotated = Machine(tmp_path / "planward.db", "n" * 32, KEY)
    assert rotated.read() == before
    assert rotated.do(rotated.store.key_rotation.reseal_objects(limit=2)) == 2
    assert rotated.do(rotated.store.key_rotation.reseal_objects(limit=2)) == 1
    assert rotated.do(rotated.store.key_rotation.reseal_objects(limit=2)) == 0
    assert rotated.read() == before
    rotated.close()
    alone = Machine(tmp_path / "planward.db", "n" * 32)
    assert alone.read() == before
    alone.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://bucket/prefix", "only s3://BUCKET/PREFIX, gs://BUCKET/PREFIX and az://CONTAINER/PREFIX"),
        ("/var/lib/planward", "only s3://BUCKET/PREFIX"),
        ("s3://", "cannot be used"),
    ],
)
def test_an_invalid_address_is_reported_at_the_start(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        Machine(tmp_path / "planward.db", url=url)


def test_the_address_may_be_s3_gs_or_az(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "planward")
    for url in ("s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix"):
        Machine(tmp_path / "planward.db", url=url).close()


# --- plan files of holds ---------------------------------------------------------------------------------------------


def kept_plan(root_module: str, run: str = "1") -> KeptPlan:
    return KeptPlan(
        run_id=RunId(run * 24),
        repository_id=RUN.repository_id,
        environment=EnvironmentName("staging"),
        root_module=root_module,
        sha=RUN.head_sha,
        digest="d" * 64,
        engine="terraform 1.11.4",
    )


PLAN = kept_plan("network")


def keep_plans(machine: Machine, *plans: KeptPlan) -> None:
    for plan in plans:
        machine.do(machine.store.kept_plans.keep(plan, f"a plan of {plan.root_module}".encode(), for_s=3600))


def test_plan_files_of_several_root_modules_lie_there_sealed_and_another_machine_reads_each(
    bucket: Any, machines: list[Machine]
) -> None:
    here, there = machines
    plans = [kept_plan("network"), kept_plan("shop")]
    keep_plans(here, *plans)
    assert len(addresses(bucket)) == 2
    assert not any(b"a plan of" in each.get()["Body"].read() for each in bucket.objects.all())
    for plan in plans:
        assert there.do(there.store.kept_plans.find(plan.run_id, plan.root_module)) == plan
        content = there.do(there.store.kept_plans.content(plan))
        assert content == f"a plan of {plan.root_module}".encode()
    with here.store._database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept_plans WHERE sealed IS NOT NULL").scalar() == 0


def test_the_plan_files_of_a_decided_hold_are_erased_and_those_of_a_newer_hold_stay(
    bucket: Any, machines: list[Machine]
) -> None:
    here, there = machines
    newer = kept_plan("network", run="2")
    keep_plans(here, kept_plan("network"), kept_plan("shop"), newer)
    there.do(there.store.kept_plans.erase_decided(newer.repository_id, newer.environment, besides=newer.run_id))
    [left] = addresses(bucket)
    assert newer.run_id in left
    there.now += 3600
    assert there.do(there.store.kept_plans.erase_old(limit=10)) == 1
    assert addresses(bucket) == []


def test_a_plan_file_that_somebody_removed_or_put_in_anothers_place_is_not_applied(
    bucket: Any, machines: list[Machine]
) -> None:
    machine = machines[0]
    network, shop = kept_plan("network"), kept_plan("shop")
    keep_plans(machine, network, shop)
    first, second = addresses(bucket)
    bucket.Object(first).put(Body=bucket.Object(second).get()["Body"].read())
    bucket.Object(second).delete()
    assert [machine.do(machine.store.kept_plans.content(each)) for each in (network, shop)] == [None, None]


@pytest.mark.parametrize("is_known", [True, False], ids=["", "kept before keys were recorded"])
def test_a_plan_file_in_the_object_store_is_encrypted_again_with_the_first_key(
    bucket: Any, machines: list[Machine], tmp_path: Path, is_known: bool
) -> None:
    keep_plans(machines[0], PLAN)
    if not is_known:
        with machines[0].store._database.engine.begin() as connection:
            connection.execute(text("update kept_plans set key_id = null"))
    rotated = Machine(tmp_path / "planward.db", "n" * 32, KEY)
    assert rotated.do(rotated.store.key_rotation.reseal_rows(limit=10)) == 0
    assert [rotated.do(rotated.store.key_rotation.reseal_objects(limit=10)) for _ in range(2)] == [1, 0]
    rotated.close()
    alone = Machine(tmp_path / "planward.db", "n" * 32)
    assert alone.do(alone.store.kept_plans.content(PLAN)) == b"a plan of network"
    alone.close()


def test_a_plan_file_that_is_erased_while_it_is_encrypted_again_leaves_no_object(
    bucket: Any, machines: list[Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_plans(machines[0], PLAN)
    rotated = Machine(tmp_path / "planward.db", "n" * 32, KEY)
    put = Objects.put

    async def put_late(objects: Objects, address: str, content: bytes) -> None:
        await rotated.store.kept_plans.erase_decided(PLAN.repository_id, PLAN.environment, besides=RunId("2" * 24))
        await put(objects, address, content)

    monkeypatch.setattr(Objects, "put", put_late)
    assert rotated.do(rotated.store.key_rotation.reseal_objects(limit=10)) == 1
    assert addresses(bucket) == []
    rotated.close()


def test_a_plan_file_that_is_encrypted_again_while_it_is_erased_leaves_no_object(
    bucket: Any, machines: list[Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_plans(machines[0], PLAN)
    rotated = Machine(tmp_path / "planward.db", "n" * 32, KEY)
    remove = Objects.remove

    async def remove_early(objects: Objects, found: Iterable[str]) -> None:
        found = list(found)
        monkeypatch.setattr(Objects, "remove", remove)
        await remove(objects, found)
        for address in found:
            await objects.put(address, b"encrypted again")

    monkeypatch.setattr(Objects, "remove", remove_early)
    rotated.do(rotated.store.kept_plans.erase_decided(PLAN.repository_id, PLAN.environment, besides=RunId("2" * 24)))
    assert addresses(bucket) == []
    rotated.close()


def test_a_plan_file_that_nobody_can_decrypt_does_not_stop_the_rotation_of_keys(
    bucket: Any, machines: list[Machine], tmp_path: Path
) -> None:
    keep_plans(machines[0], PLAN, kept_plan("app"))
    first = next(iter(bucket.objects.all()))
    bucket.put_object(Key=first.key, Body=first.get()["Body"].read()[:-1] + b"?")
    rotated = Machine(tmp_path / "planward.db", "n" * 32, KEY)
    assert [rotated.do(rotated.store.key_rotation.reseal_objects(limit=10)) for _ in range(2)] == [2, 0]
    rotated.close()
    alone = Machine(tmp_path / "planward.db", "n" * 32)
    left = [alone.do(alone.store.kept_plans.content(each)) for each in (PLAN, kept_plan("app"))]
    assert left.count(None) == 1
    alone.close()
