"""The tree of what can go wrong in the shell.

    PlanwardError
    ├── SettingsError        the operator's settings do not fit; the process refuses to start
    ├── StoreUnavailable     the database does not answer for now (store/): a step waits for it
    ├── DeliveryError        a delivery is refused at the door (webhook/)
    └── JobError             shown to the user in its own words: what, where, and the way out
        ├── ConfigInvalid    the repository's config (repository_config/)
        ├── GitError         (git/)
        ├── VaultError       (vault/)
        ├── TerraformError   (terraform/)
        ├── GitHubError      (github/)
        ├── NoRoom           Planward's own disk is full: the operator has to make room
        └── Unavailable      something outside does not answer for now: the job is deferred, nothing is reported yet

Anything else that is raised is a fault of Planward's own: people read "an internal error occurred" and the run's id,
the log has the rest.
"""


class PlanwardError(Exception):
    """The root of the tree; never raised itself."""


class SettingsError(PlanwardError):
    """A setting is missing or cannot be read; names it and says what to put there."""


class DeliveryError(PlanwardError):
    """A delivery is refused before anything is accepted."""


class JobError(PlanwardError):
    """A fault that a person can correct. `str(error)` is the first line of a check run: what, where, the way out.

    It never holds a secret, a foreign exception's text or a URL with credentials.
    """


class NoRoom(JobError):
    """Planward's own disk is full. A run fails for it; where no run can show that, the job is deferred."""


class Unavailable(JobError):
    """Something that the job needs does not answer for now: the job is deferred.

    `retry_after_s` is how long the other side asks to wait, None where it does not say.
    """

    retry_after_s: float | None = None
