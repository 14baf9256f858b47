"""The most important exceptions of `ghapp`, as a tree. Some packages define more of their own.

    PlanwardError
    ├── SettingsError        a setting is missing or invalid; the process does not start
    ├── StoreUnavailable     the database is unavailable (store/): a step waits until it is available again
    ├── WorkerEnded          the worker of `serve` does not start, or keeps ending (worker_process/)
    ├── DeliveryError        a delivery is refused (webhook/)
    └── JobError             its text is shown to the user: what is wrong, where, and what to do
        ├── ConfigInvalid    the repository's config (repository_config/)
        ├── GitError         (git/)
        ├── VaultError       (vault/)
        ├── TerraformError   (terraform/)
        ├── GitHubError      (github/)
        ├── NoRoom           Planward's own disk is full: the operator has to free space
        └── Unavailable      an external service is unavailable: the job is deferred, nothing is reported yet

Any exception that is neither a PlanwardError nor a ChecksError is a bug in Planward: people see "an internal error
occurred" and the run's id, and the log has the details.
"""


class PlanwardError(Exception):
    """The base class, which is never raised itself."""


class SettingsError(PlanwardError):
    """A setting is missing or cannot be read. The text names it and says what to set."""


class DeliveryError(PlanwardError):
    """A delivery is refused, and no job is enqueued for it."""


class JobError(PlanwardError):
    """A problem that a person can fix. `str(error)` is the first line of a check run: what is wrong, where, what to do.

    It never contains a secret, the text of another library's exception, or a URL with credentials.
    """


class NoRoom(JobError):
    """Planward's own disk is full. The job's unfinished runs fail and show it. If it has none, the job is deferred."""


class Unavailable(JobError):
    """A service that the job needs is unavailable: the job is deferred.

    `retry_after_s` is how long the service asks to wait, None if it does not say.
    """

    retry_after_s: float | None = None
