"""Terraform's environment, which inherits only a few of the server's variables.

Others hold the App's key and Vault's token, which a provider or a `local-exec` could read.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Of the server's environment, Terraform inherits only PATH, the operator's proxy settings and the like.
_INHERITED = frozenset(
    {
        "PATH",
        "LANG",
        "TZ",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "AWS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
    }
)

_RESERVED = re.compile(
    r"TF_(?!VAR_|TOKEN_|HTTP_).*|CHECKPOINT_DISABLE|HOME|TMPDIR|PATH|LD_.*|DYLD_.*|PYTHON.*|GIT_CONFIG_.*|GIT_TERMINAL_PROMPT"
)

_CA_FILES = frozenset(name for name in _INHERITED if "SSL_C" in name or name.endswith("_BUNDLE"))
_QUOTED_PATH = re.compile(r'"(/[^"\n]{1,4000})"')
_LONGEST_TMPDIR = 72
CLI_CONFIG = "terraform.rc"
"""The name of a run's own CLI configuration in its private directory."""


def is_reserved(name: str) -> bool:
    """Whether only Planward may set a variable, because it affects which code runs, where, or what Terraform prints."""
    return _RESERVED.fullmatch(name) is not None


def changes_trust(name: str) -> bool:
    """Whether a variable may change which downloads Terraform trusts or can access."""
    return name in _INHERITED or name.startswith(("TF_TOKEN_", "TF_HTTP_", "GO"))


@contextmanager
def temporary_directory(private: Path, *, is_moved: bool = False) -> Iterator[Path]:
    """Return the directory for TMPDIR: the run's own, or one with a shorter path if that path is too long.

    Providers listen on a socket in it, and a socket's path is limited to about 100 bytes. `is_moved`: whether the
    sandbox gives the directory a short path anyway.
    """
    own = private / "tmp"
    if is_moved or len(os.fsencode(own)) <= _LONGEST_TMPDIR:
        yield _make_directory(own)
        return
    with tempfile.TemporaryDirectory(prefix="planward-", ignore_cleanup_errors=True) as short:
        yield Path(short)


def base_environment(
    private: Path, temporary: Path, run_path: Callable[[Path], Path] = lambda path: path
) -> dict[str, str]:
    """Return the environment of each command of one root run, without its secrets.

    `private` is the run's own directory, and `temporary` becomes TMPDIR; `run_path` gives their paths in the sandbox.
    TF_CLI_CONFIG_FILE always names the run's own CLI configuration (cli_config.py). That file has to exist even if the
    operator has no configuration: otherwise, Terraform would print a warning about it before its JSON.
    """
    environ = {name: value for name, value in os.environ.items() if name in _INHERITED}
    environ.setdefault("PATH", os.defpath)
    return environ | {
        "CHECKPOINT_DISABLE": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": str(run_path(_make_directory(private / "home"))),
        "TF_CLI_CONFIG_FILE": str(run_path(private / CLI_CONFIG)),
        "TF_DATA_DIR": str(run_path(_make_directory(private / "data"))),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TMPDIR": str(run_path(temporary)),
    }


def operator_config(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the operator's Terraform CLI configuration, None if there is none."""
    environ = os.environ if environ is None else environ
    places = [environ.get("TF_CLI_CONFIG_FILE"), f"{environ['HOME']}/.terraformrc" if environ.get("HOME") else None]
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


def operator_files() -> tuple[Path, ...]:
    """Return the operator's files that a run reads: the CLI configuration, the mirrors in it, and CA files."""
    config = operator_config()
    said = config.read_text(errors="replace") if config else ""
    named = [*_QUOTED_PATH.findall(said), *(os.environ[name] for name in sorted(_CA_FILES) if os.environ.get(name))]
    found = [Path(each) for each in named if os.path.isabs(each)]  # noqa: PTH117
    return (*(() if config is None else (config.absolute(),)), *found)


def _make_directory(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory
