"""The environment that Terraform runs in, built from nothing.

The server's own variables hold the App's key and Vault's token, and a provider or a `local-exec` reads what is there.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# The operator's way out of the network, and where programs are; nothing else of the server's environment.
_PASSED_ON = frozenset(
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

_OURS = re.compile(
    r"TF_(?!VAR_|TOKEN_|HTTP_).*|CHECKPOINT_DISABLE|HOME|TMPDIR|PATH|LD_.*|DYLD_.*|PYTHON.*|GIT_CONFIG_.*|GIT_TERMINAL_PROMPT"
)

_CA_FILES = frozenset(name for name in _PASSED_ON if "SSL_C" in name or name.endswith("_BUNDLE"))
_QUOTED_PATH = re.compile(r'"(/[^"\n]{1,4000})"')
_LONGEST_TMPDIR = 72
CLI_CONFIG = "terraform.rc"
"""The name of a run's own CLI configuration in its private directory."""


def is_ours(name: str) -> bool:
    """Whether a variable is Planward's to set: one that decides which code runs, where, and what it prints."""
    return _OURS.fullmatch(name) is not None


def changes_trust(name: str) -> bool:
    """Whether a variable may change whom Terraform believes what it downloads, or what it is let download."""
    return name in _PASSED_ON or name.startswith(("TF_TOKEN_", "TF_HTTP_", "GO"))


@contextmanager
def temporary_directory(private: Path, *, is_moved: bool = False) -> Iterator[Path]:
    """Give the directory for TMPDIR: the run's own, or a short one where that path is long.

    Providers listen on a socket in it, and a socket's path may have about 100 bytes. What `is_moved` has a short path
    in the sandbox.
    """
    own = private / "tmp"
    if is_moved or len(os.fsencode(own)) <= _LONGEST_TMPDIR:
        yield _made(own)
        return
    with tempfile.TemporaryDirectory(prefix="planward-", ignore_cleanup_errors=True) as short:
        yield Path(short)


def base_environment(
    private: Path, temporary: Path, seen: Callable[[Path], Path] = lambda path: path
) -> dict[str, str]:
    """Give what each command of one root run has in its environment, without its secrets.

    `private` is the run's own directory, `temporary` what becomes TMPDIR, both `seen` elsewhere in a sandbox. The CLI
    configuration is the run's own (cli_config.py), whatever the operator has: a missing file is a warning in front of
    Terraform's JSON.
    """
    environ = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    environ.setdefault("PATH", os.defpath)
    return environ | {
        "CHECKPOINT_DISABLE": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": str(seen(_made(private / "home"))),
        "TF_CLI_CONFIG_FILE": str(seen(private / CLI_CONFIG)),
        "TF_DATA_DIR": str(seen(_made(private / "data"))),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TMPDIR": str(seen(temporary)),
    }


def operator_config(environ: Mapping[str, str] | None = None) -> Path | None:
    """Give the operator's Terraform CLI configuration, None where there is none."""
    environ = os.environ if environ is None else environ
    places = [environ.get("TF_CLI_CONFIG_FILE"), f"{environ['HOME']}/.terraformrc" if environ.get("HOME") else None]
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


def operator_files() -> tuple[Path, ...]:
    """Give what a run reads of the operator's: the CLI configuration, what it names (mirrors), and CA files."""
    config = operator_config()
    said = config.read_text(errors="replace") if config else ""
    named = [*_QUOTED_PATH.findall(said), *(os.environ[name] for name in sorted(_CA_FILES) if os.environ.get(name))]
    found = [Path(each) for each in named if os.path.isabs(each)]  # noqa: PTH117
    return (*(() if config is None else (config.absolute(),)), *found)


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory
