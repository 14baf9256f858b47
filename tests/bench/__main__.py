"""Run all benchmarks and print one table.

    python -m tests.bench [NAME...] [--quick]

The bounds are reported, not asserted. Benchmarks of one package of `checks` print their own lines below the table.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import bench_apart, bench_backlog, bench_cloud, bench_comments, bench_line, bench_load, bench_store
from tests.bench.rows import Row, render

WHOLE: dict[str, tuple[Callable[[Sequence[str]], list[Row]], Sequence[str]]] = {
    "line": (bench_line.main, ("--runs", "3", "--roots", "1,10")),
    "comments": (bench_comments.main, ()),
    "cloud": (bench_cloud.main, ("--runs", "1")),
    "apart": (bench_apart.main, ("--plans", "8", "--large", "1")),
    "load": (bench_load.main, ("--seconds", "4", "--deliveries", "100", "--minutes", "0")),
    "backlog": (
        bench_backlog.main,
        (
            "--jobs",
            "500",
        ),
    ),
    "store": (bench_store.main, ("--runs", "5000", "--repeat", "5")),
}
"""The benchmarks that give rows for the table: the function, and its arguments with `--quick`."""
ROOMS = {
    "plan": ("bench_plan.py", ()),
    "masking": ("bench_masking.py", ("--megabytes", "5")),
    "report": ("bench_report.py", ()),
    "configuration": ("bench_configuration.py", ()),
}


def main() -> int:
    """Run the named benchmarks, by default all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*WHOLE, *ROOMS]))
    parser.add_argument("--quick", action="store_true", help="few runs of each, and plans of up to 10 root modules")
    chosen = parser.parse_args()
    names = chosen.names or [*WHOLE, *ROOMS]
    unknown = [name for name in names if name not in WHOLE and name not in ROOMS]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]}")
    rows: list[Row] = []
    outputs: list[str] = []
    for name in names:
        if name in WHOLE:
            measure, quick = WHOLE[name]
            rows += measure(quick if chosen.quick else [])
        else:
            row, text = _room(name)
            rows.append(row)
            outputs.append(f"{name}\n{text}")
    print(render(rows))
    for text in outputs:
        print(f"\n{text}", end="")
    return 0


def _room(name: str) -> tuple[Row, str]:
    """Run a package's benchmark in a process of its own; its exit status says whether its bounds held."""
    file, arguments = ROOMS[name]
    command = [sys.executable, "-m", f"tests.bench.{Path(file).stem}", *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    row = Row(
        what=f"{name} (its figures are below)",
        figure=f"{seconds:.0f} s in all",
        aim="its own bounds",
        reached=done.returncode == 0,
    )
    return row, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
