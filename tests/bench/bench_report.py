"""Reporting a plan of 10,000 changes: building the masked report, and rendering it in each form.

    python tests/bench/bench_report.py [--changes 10000] [--secrets 500]

The bound: the report is built and rendered as a check run in at most 16 times what msgspec takes to decode the plan.
Both are measured in turn, in processor time, and the bound applies to the median of the ratios. So the result is valid
on a busy machine, too. `--changes 100000` shows whether the ratio stays the same for ten times as many changes. For
comparison, it also measures a renderer that writes every attribute of every change and cuts the text afterwards.
`tests/checks/test_report_calls.py` bounds the number of calls for each change, which other processes do not affect.
"""

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from checks.plan import Plan, read_plan
from checks.rendering.html import render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport
from checks.report.root_reports import report_plan
from checks.sensitive import Mask
from tests.bench import generate_plan

MOST_TIMES = 16
ROUNDS = 5

T = TypeVar("T")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--secrets", type=int, default=500)
    chosen = parser.parse_args()
    times, run = _build(chosen.changes, chosen.secrets)
    _, output = _timed("render_check_run", lambda: render_check_run(run))
    print(f"    summary {len(output.summary.encode()):,} bytes, text {len((output.text or '').encode()):,} bytes")
    _timed("render_markdown", lambda: render_markdown(run))
    _timed("render_text (baseline: every attribute)", lambda: render_text(run))
    _timed("render_html", lambda: render_html(run))
    _timed("render_json", lambda: render_json(run))
    _timed("stored form", lambda: msgspec.json.encode(run))
    print(f"  built and rendered in {times:.1f} times what decoding takes")
    print(f"  {'within the bound' if times <= MOST_TIMES else 'OUT OF BOUNDS'}: {MOST_TIMES} times")
    return 0 if times <= MOST_TIMES else 1


def _build(changes: int, secrets: int) -> tuple[float, RunReport]:
    """The time to build and render the report divided by the time to decode the plan, and the report."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "plan.json"
        with path.open("w") as file:
            generate_plan.write_plan(file, changes)
        plan_json = path.read_bytes()
    mask = Mask.of(f"secret-{number:08}-{number * 7919:012x}" for number in range(secrets))
    print(f"{changes:,} resources, {len(plan_json) / 1e6:.0f} MB, {secrets} secrets")
    decoded, built, ratios = [], [], []
    for _ in range(ROUNDS):
        plan, decoded_s = _measured(lambda: read_plan(plan_json))
        root, built_s = _measured(functools.partial(_report, plan, mask))
        run = _run(root)
        _, rendered_s = _measured(functools.partial(render_check_run, run))
        decoded.append(decoded_s)
        built.append(built_s)
        ratios.append((built_s + rendered_s) / decoded_s)
    _print("read_plan", decoded)
    _print("report_plan", built)
    print(f"    {root.counts.words()}; {len(root.changes):,} after folding")
    return statistics.median(ratios), run


def _report(plan: Plan, mask: Mask) -> RootReport:
    return report_plan(plan, root_module="network", environment="testing", workspace="testing", mask=mask)


def _run(root: RootReport) -> RunReport:
    return RunReport(
        operation="plan",
        environment="testing",
        repository="acme/infrastructure",
        commit_sha="0123456789abcdef0123456789abcdef01234567",
        conclusion="success",
        roots=(root,),
        blob_url="https://github.com/acme/infrastructure/blob/0123456789abcdef0123456789abcdef01234567",
    )


def _timed(name: str, work: Callable[[], T]) -> tuple[float, T]:
    rounds = []
    for _ in range(ROUNDS):
        result, seconds = _measured(work)
        rounds.append(seconds)
    return _print(name, rounds), result


def _measured(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def _print(name: str, rounds: Sequence[float]) -> float:
    seconds = statistics.median(rounds)
    print(f"  {name:42} {seconds:7.3f} s")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
