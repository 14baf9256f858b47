"""Reading a plan JSON of 10,000 and of 100,000 changes, compared with a bare msgspec decode into the same structs.

    python tests/bench/bench_plan.py [--changes 10000 100000] [--runs 5]

Each runs in a process of its own, which reports its best time and its peak memory. The bounds: 1.5 times the time of
the bare decode, and 2.5 times the file's size in memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import checks.plan
from checks.plan import Plan, read_plan
from checks.plan.digest import digest
from tests.bench import generate_plan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--reading", nargs=2, metavar=("NAME", "PATH"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.reading:
        name, path = chosen.reading
        print(json.dumps(_measure(READINGS[name], Path(path), chosen.runs)))
        return 0
    return max(_bench(changes, chosen.runs) for changes in chosen.changes)


def _bench(changes: int, runs: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "plan.json"
        with path.open("w") as file:
            generate_plan.write_plan(file, changes)
        size_mb = path.stat().st_size / 1e6
        print(f"{changes:,} changes, {size_mb:.0f} MB")
        measured = {name: _in_a_process(name, path, runs) for name in READINGS}
    bare = measured["bare decode"]["seconds"]
    for name, found in measured.items():
        seconds, peak_mb = found["seconds"], found["peak_mb"]
        speed = f"{seconds:7.3f} s  {seconds / bare:5.2f} x"
        print(f"  {name:30} {speed}   peak {peak_mb:6.0f} MB  {peak_mb / size_mb:4.2f} x")
    ours = measured["read_plan"]
    kept = ours["seconds"] <= 1.5 * bare and ours["peak_mb"] <= 2.5 * size_mb
    print("  within the bounds" if kept else "  OUT OF BOUNDS")
    return 0 if kept else 1


def _in_a_process(name: str, path: Path, runs: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--runs", str(runs), "--reading", name, str(path)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _measure(reading: Callable[[bytes], Any], path: Path, runs: int) -> dict[str, float]:
    times = []
    for _ in range(runs):
        plan_json = path.read_bytes()
        start = time.perf_counter()
        read = reading(plan_json)
        times.append(time.perf_counter() - start)
        del read, plan_json
    return {"seconds": min(times), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


def _bare(plan_json: bytes) -> Any:
    return msgspec.json.decode(plan_json, type=checks.plan._PlanJson)


def _counted(plan_json: bytes) -> Plan:
    plan = read_plan(plan_json)
    _ = plan.counts, plan.changes_anything, plan.state_empty
    return plan


def _digested(plan_json: bytes) -> Plan:
    plan = _counted(plan_json)
    digest(plan)
    return plan


READINGS: dict[str, Callable[[bytes], Any]] = {
    "bare decode": _bare,
    "json.loads": json.loads,
    "read_plan": read_plan,
    "read_plan, counted": _counted,
    "read_plan, counted, digest": _digested,
}


if __name__ == "__main__":
    sys.exit(main())
