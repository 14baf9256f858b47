"""The parts of DBOS on which Planward depends, most of them private: if an upgrade changes one, a test fails here.

Comments name the file of `ghapp/durable` that uses a part. That file says why, and what would happen without the part.
"""

import ast
import inspect
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import dbos
import pytest
from dbos import DBOSClient, error
from dbos._queue import queue_worker_thread
from dbos._schemas.system_database import SystemSchema
from dbos._sys_db import SystemDatabase, WorkflowStatusString
from dbos._utils import retriable_sqlite_exception
from dbos._workflow_commands import background_jobs_thread
from sqlalchemy.exc import OperationalError

DURABLE = Path("ghapp/durable")
PRIVATE = {
    "waking.py": {"dbos._queue", "_sys_db"},
    "claims.py": {"_sys_db"},
    "worker.py": {"_background_jobs_stop_event"},
}
"""The private modules that are imported and the private attributes that are read, by file."""


def test_nothing_else_that_is_private_to_dbos_is_used() -> None:
    used = {path.name: set(_private_names(path)) for path in sorted(DURABLE.glob("*.py"))}
    assert {name: found for name, found in used.items() if found} == PRIVATE


def _private_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and "._" in (node.module or ""):
            yield node.module or ""
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield node.attr


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        # waking.py runs it in separate threads, with its own event in the place of `stop_event`.
        (queue_worker_thread, "(stop_event: threading.Event, dbos: 'DBOS', queue: dbos._queue.Queue) -> None"),
        # claims.py wraps each of the two in a function.
        (
            SystemDatabase.start_queued_workflows,
            "(self, queue: 'Queue', executor_id: str, app_version: str, queue_partition_key: Optional[str], "
            "local_running_count: int = 0, partition_local_running_count: int = 0, *, owner_xid: Optional[str] = None, "
            "is_latest_version: Optional[bool] = None) -> Tuple[List[str], Optional[Literal['worker_concurrency', "
            "'partition_worker_concurrency', 'limiter', 'partition_limiter', 'concurrency', 'partition_concurrency']]]",
        ),
        (
            SystemDatabase.start_queued_partitioned_workflows,
            "(self, queue: 'Queue', executor_id: str, app_version: str, max_tasks: int = 9223372036854775807, *, "
            "owner_xid: Optional[str] = None, is_latest_version: Optional[bool] = None) -> List[str]",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_private_function_has_the_signature_that_is_called_and_replaced(function: object, signature: str) -> None:
    assert callable(function)
    assert str(inspect.signature(function)) == signature


def test_the_queue_loop_claims_jobs_with_the_replaced_methods_and_passes_its_token_by_name() -> None:
    loop = inspect.getsource(queue_worker_thread)
    claims = re.findall(r"dbos\._sys_db\.(start_queued\w+)\((.*?)\n\s*\)\n", loop, re.DOTALL)
    assert {name for name, _ in claims} == {"start_queued_workflows", "start_queued_partitioned_workflows"}
    assert all("owner_xid=owner_xid" in arguments for _, arguments in claims)


def test_the_queue_loop_uses_only_is_set_and_wait_of_its_stop_event() -> None:
    # WakeableEvent (waking.py) implements these methods, which the loop calls.
    loop = inspect.getsource(queue_worker_thread)
    assert set(re.findall(r"stop_event\.(\w+)", loop)) == {"is_set", "wait"}
    assert set(re.findall(r"stop_event\.wait\((\w+)=", loop)) == {"timeout"}
    assert {"is_set", "wait", "set"} <= set(dir(threading.Event))


def test_the_events_that_the_worker_sets_end_only_threads_for_features_that_planward_does_not_use() -> None:
    # worker.py sets them right after the launch; the events of `pollers` belong to Kafka, which is not used.
    launch = inspect.getsource(dbos.DBOS._launch)
    named = re.findall(r"background_thread_stop_events\.append\((\w+)\)", launch)
    assert named == ["evt", "evt", "scheduler_evt"]
    threads = re.findall(r"target=(\w+),\s+args=\((evt|scheduler_evt)\b", launch)
    assert threads == [("queue_thread", "evt"), ("dynamic_scheduler_loop", "scheduler_evt")]
    assert "in self._registry.pollers:" in launch
    assert re.findall(r"target=(\w+),\s+args=\(self\._background_jobs_stop_event\b", launch) == [
        "background_jobs_thread"
    ]
    jobs = re.findall(r'"(\w+)": ', inspect.getsource(background_jobs_thread))
    assert jobs == ["delayed_workflows", "workflow_timeout"]


def test_the_columns_by_which_a_claim_is_found_again_are_there() -> None:
    # claims.py reads `workflow_uuid` and `owner_xid`; waking.py, stories and tests read the others.
    columns = SystemSchema.workflow_status.c
    assert {"workflow_uuid", "owner_xid", "status", "queue_name", "executor_id"} <= set(columns.keys())
    assert "workflow_uuid" in SystemSchema.operation_outputs.c
    assert "self.tables" in inspect.getsource(SystemDatabase.start_queued_workflows)
    assert "self.engine" in inspect.getsource(SystemDatabase.start_queued_workflows)


def test_dbos_retries_on_the_error_text_that_planward_raises_for_a_full_disk() -> None:
    # patient_sqlite.py raises errors with these words if the disk is full.
    assert retriable_sqlite_exception(OperationalError(None, None, Exception("database is locked: its disk is full")))
    assert not retriable_sqlite_exception(OperationalError(None, None, Exception("database or disk is full")))


def test_the_states_of_a_workflow_are_those_that_are_known() -> None:
    # job_queue.py distinguishes unfinished jobs from finished ones by them.
    assert {each.value for each in WorkflowStatusString} == {
        "PENDING",
        "SUCCESS",
        "ERROR",
        "MAX_RECOVERY_ATTEMPTS_EXCEEDED",
        "CANCELLED",
        "ENQUEUED",
        "DELAYED",
    }


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (DBOSClient.__init__, {"system_database_url", "serializer", "application_name", "retry_connection_errors"}),
        (
            DBOSClient.list_workflows,
            {"workflow_ids", "status", "executor_id", "queues_only", "completed_before", "limit", "load_input"},
        ),
        (DBOSClient.resume_workflows_async, {"workflow_ids", "queue_name"}),
        (DBOSClient.delete_workflows_async, {"workflow_ids"}),
        (dbos.DBOS.register_queue_async, {"polling_interval_sec", "worker_concurrency", "partition_concurrency"}),
        (dbos.DBOS.destroy, {"destroy_registry"}),
        (error.DBOSWorkflowIDInUseError.__init__, {"workflow_status"}),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_public_functions_take_the_arguments_that_planward_passes(function: object, names: set[str]) -> None:
    assert callable(function)
    assert names <= set(inspect.signature(function).parameters)


def test_the_options_by_which_a_job_is_enqueued_once_are_there() -> None:
    wanted = {"workflow_name", "queue_name", "workflow_id", "workflow_id_reuse_policy", "app_version"}
    assert wanted | {"queue_partition_key"} <= set(dbos.EnqueueOptions.__annotations__)
    assert {"system_database_engine", "executor_id", "application_version", "enable_otlp"} <= set(
        dbos.DBOSConfig.__annotations__
    )
