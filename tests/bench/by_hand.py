"""The baseline of a plan: a shell script that runs fetch, checkout, init, plan and show."""

import os
import shutil
import subprocess
import time
from pathlib import Path

SCRIPT = """
set -eu
git -C "$MIRROR" fetch -q "$REMOTE" "+$HEAD:refs/heads/bench"
GIT_INDEX_FILE="$PLACE/index" git -C "$MIRROR" read-tree bench
mkdir "$PLACE/tree"
GIT_INDEX_FILE="$PLACE/index" git -C "$MIRROR" --work-tree="$PLACE/tree" checkout-index -a -q
cd "$PLACE/tree/$ROOT"
terraform init -input=false -no-color $BACKEND >/dev/null
terraform plan -input=false -no-color -lock=false -out="$PLACE/plan" >/dev/null
terraform show -json "$PLACE/plan" >"$PLACE/plan.json"
"""


class ByHand:
    """A warm mirror of a repository, for the script."""

    def __init__(self, directory: Path, remote: str) -> None:
        self._directory = directory
        self._remote = remote
        self._mirror = directory / "mirror.git"
        subprocess.run(["git", "clone", "-q", "--mirror", remote, self._mirror], check=True)

    def run(self, head: str, root_module: str, *, backend: str = "", **environ: str) -> float:
        """Run the script for one head; returns the seconds that it took."""
        place = self._directory / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        variables = {
            "MIRROR": str(self._mirror),
            "REMOTE": self._remote,
            "HEAD": head,
            "PLACE": str(place),
            "ROOT": root_module,
            "BACKEND": backend,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        start = time.perf_counter()
        subprocess.run(
            ["/bin/sh", "-c", SCRIPT],
            check=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self._directory), **variables, **environ},
        )
        return time.perf_counter() - start
