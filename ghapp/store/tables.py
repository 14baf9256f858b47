"""The tables, as the newest revision in `migrations/` creates them.

Times are in seconds since 1970, SHAs are complete, and encrypted data is a BLOB.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect


class Words(TypeDecorator[str]):
    """Text from outside. PostgreSQL does not accept NUL, so it is stored as U+FFFD, also on SQLite."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The stored form."""
        return None if value is None else value.replace("\x00", "\ufffd")


metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")

repositories = Table(
    "repositories",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("installation_id", BigInteger, nullable=False),
    Column("full_name", String(255), nullable=False),
    Column("first_name", String(255), nullable=False),
    Column("clone_url", Text, nullable=False),
    Column("default_branch", Text, nullable=False),
    Column("first_seen_at", Float, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("left_at", Float, nullable=True),
)

repository_names = Table(
    "repository_names",
    metadata,
    # The first repository that was seen under a name, in lower case; kept forever.
    Column("name", String(255), primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Index("repository_names_by_repository", "repository_id"),
)

lasts = Table(
    "lasts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("environment", String(255), nullable=False),
    Column("branch", Text, nullable=False),
    Column("sha", String(64), nullable=False),
    Column("tree", String(64), nullable=False),
    Column("applied", Boolean, nullable=False),
    Column("at", Float, nullable=False),
    Index("lasts_by_branch", "repository_id", "branch", "id"),
    Index("lasts_by_environment", "repository_id", "environment", "id"),
    Index("lasts_by_sha", "repository_id", "environment", "sha"),
    Index("lasts_by_tree", "repository_id", "environment", "tree"),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("branch", String(255), nullable=False),
    Column("before", String(64), nullable=False),
    Column("after", String(64), nullable=False),
    Column("pusher", String(255), nullable=False),
    Column("at", Float, nullable=False),
    Column("pusher_id", BigInteger, nullable=True),
    Index("pushes_by_branch", "repository_id", "branch", "id"),
    Index("pushes_by_commit", "repository_id", "branch", "after", "id"),
    Index("pushes_by_time", "repository_id", "branch", "at"),
    UniqueConstraint("repository_id", "branch", "before", "after"),
)

commit_writers = Table(
    "commit_writers",
    metadata,
    # The ids of the people that GitHub names for a commit: its author and its committer.
    Column("repository_id", BigInteger, primary_key=True),
    Column("sha", String(64), primary_key=True),
    Column("writers", JSON, nullable=False),
    Column("at", Float, nullable=False),
    # Their logins, in the same order.
    Column("names", JSON, nullable=True),
)

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("repository_id", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("head_sha", String(64), nullable=False),
    Column("head_repository_id", BigInteger, nullable=True),
    Column("base_branch", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("author", String(255), nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author_is_bot", Boolean, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("title", Words, nullable=False),
    Column("merge_sha", String(64), nullable=True),
    Column("merged_by", String(255), nullable=True),
    Column("merged_at", Float, nullable=True),
    Column("seen_at", Float, nullable=True),
    Index("pull_requests_by_head", "repository_id", "head_sha"),
    Index("pull_requests_by_merge", "repository_id", "merge_sha"),
    Index("pull_requests_by_state", "repository_id", "state", "number"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("pull_request", Integer, nullable=False),
    Column("base_branch", Text, nullable=False),
    Column("head_sha", String(64), nullable=False),
    Column("base_sha", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("conclusion", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Index("verdicts_by_head", "repository_id", "pull_request", "head_sha", "id"),
    Index("verdicts_by_pull_request", "repository_id", "pull_request", "id"),
    Index("verdicts_by_run", "run_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("operation", String(16), nullable=False),
    Column("environment", String(255), nullable=False),
    Column("branch", Text, nullable=False),
    Column("head_sha", String(64), nullable=False),
    Column("base_sha", String(64), nullable=False),
    Column("pull_request", Integer, nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("conclusion", String(32), nullable=True),
    Column("title", Words, nullable=False),
    Column("check_run_name", String(255), nullable=False),
    Column("check_run_id", BigInteger, nullable=True),
    Column("ended_by", Words, nullable=True, key="cancel_reason"),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float, nullable=True),
    Column("data", JSON, nullable=False),
    Column("report", LargeBinary, nullable=True),
    Column("moved_at", Float, nullable=True),
    Column("log_removed_at", Float, nullable=True),
    Index("runs_by_attempt", "repository_id", "head_sha", "check_run_name", "created_at", "id"),
    Index("runs_by_check_run", "repository_id", "check_run_id"),
    Index("runs_by_creation", "repository_id", "created_at", "id"),
    Index("runs_by_environment", "repository_id", "operation", "environment", "created_at", "id"),
    Index("runs_by_finish", "finished_at"),
    Index("runs_by_head", "repository_id", "head_sha"),
    Index("runs_by_plan", "repository_id", "operation", "pull_request", "created_at", "id"),
    Index("runs_by_pull_request", "repository_id", "pull_request"),
    Index("runs_by_status", "status"),
)
_with_log = runs.c.log_removed_at.is_(None)
_here = runs.c.moved_at.is_(None)
_unfinished = text("status <> 'completed'")
Index("runs_unfinished", runs.c.repository_id, sqlite_where=_unfinished, postgresql_where=_unfinished)
Index("runs_with_log", runs.c.finished_at, sqlite_where=_with_log, postgresql_where=_with_log)
Index("runs_here", runs.c.finished_at, sqlite_where=_here, postgresql_where=_here)

explained_pull_requests = Table(
    "explained_pull_requests",
    metadata,
    # The pull requests whose merges a run applies. `runs` has them too; here, a run can be found by pull request.
    Column("run_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("repository_id", BigInteger, nullable=False),
    Index("explained_pull_requests_by_number", "repository_id", "number"),
)

root_runs = Table(
    "root_runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("part", String(255), primary_key=True),
    Column("root_module", String(512), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("report", LargeBinary, nullable=False),
)

log_lines = Table(
    "log_lines",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("part", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("log_lines_by_run", "run_id", "id"),
)

run_objects = Table(
    "run_objects",
    metadata,
    # Reports and logs of completed runs that were moved from the tables above to the object store.
    Column("run_id", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("key_id", LargeBinary, nullable=False),
)

kept_plans = Table(
    "kept_plans",
    metadata,
    # Plan files of holds, kept for hours: here, or at an address in the object store.
    Column("run_id", String(64), primary_key=True),
    Column("root_module", String(512), primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("environment", String(255), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("engine", String(255), nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Column("address", Text, nullable=True),
    Column("key_id", LargeBinary, nullable=True),  # of the object at this address
    Column("expires_at", Float, nullable=False),
    Index("kept_plans_by_environment", "repository_id", "environment"),
    Index("kept_plans_by_expiry", "expires_at"),
)

removed_runs = Table(
    "removed_runs",
    metadata,
    # The counts of removed runs, so that the metric of all runs never decreases.
    Column("operation", String(16), primary_key=True),
    Column("conclusion", String(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

deferred_jobs = Table(
    "later",  # the first version's name
    metadata,
    Column("key", String(512), primary_key=True),
    Column("due_at", Float, nullable=False, index=True),
    Column("job", JSON, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("environment", String(255), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("digests", JSON, nullable=False),
    Column("by", String(255), nullable=False),
    Column("at", Float, nullable=False),
    Column("by_id", BigInteger, nullable=True),
    Column("pull_request", Integer, nullable=True),
    Column("base_branch", Text, nullable=True),
    Index("approvals_by_sha", "repository_id", "sha"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("who", String(255), nullable=False),
    Column("did", String(64), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("details", JSON, nullable=False),
)

markers = Table(
    "handles",  # the first version's name
    metadata,
    # What was already done, for example created on GitHub or sent to a chat, so that it is done only once.
    Column("key", String(512), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Float, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    # One row: the database's identity, how long Planward ran on it, and the id of the current encryption key.
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("key_id", LargeBinary, nullable=True),
)

executors = Table(
    "executors",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("beats", BigInteger, nullable=False),
    Column("heir", String(255), nullable=True),
)
