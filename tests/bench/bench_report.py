"""Reporting a plan of 10,000 changes: building the masked report, and rendering it in each form.

    python tests/bench/bench_report.py [--changes 10000] [--secrets 500]

The bound: the report is built and rendered as a check run in at most 16 times what msgspec takes to decode the plan
(CPU time, medians of a few rounds, since machines differ). With `--changes 100000` it shows whether that stays so ten
times as large. Beside it stands what a renderer would cost that writes every attribute of every change and cuts
afterwards.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from checks.plan import read_plan
from checks.rendering.html import render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RunReport, report_plan
from checks.sensitive import Mask
from tests.bench import generate_plan

MOST_TIMES = 16
ROUNDS = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--secrets", type=int, default=500)
    chosen = parser.parse_args()
    decoded, built, run = _build(chosen.changes, chosen.secrets)
    rendered, output = _timed("render_check_run", lambda: render_check_run(run))
    print(f"    summary {len(output.summary.encode()):,} bytes, text {len((output.text or '').encode()):,} bytes")
    _timed("render_markdown", lambda: render_markdown(run))
    _timed("render_text (baseline: every attribute)", lambda: render_text(run))
    _timed("render_html", lambda: render_html(run))
    _timed("render_json", lambda: render_json(run))
    _timed("stored form", lambda: msgspec.json.encode(run))
    seconds = built + rendered
    times = seconds / decoded
    print(f"  built and rendered in {seconds:.3f} s, {times:.1f} times what decoding takes")
    print(f"  {'within the bound' if times <= MOST_TIMES else 'OUT OF BOUNDS'}: {MOST_TIMES} times")
    return 0 if times <= MOST_TIMES else 1


def _build(changes: int, secrets: int) -> tuple[float, float, RunReport]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "plan.json"
        with path.open("w") as file:
            generate_plan.write_plan(file, changes)
        plan_json = path.read_bytes()
    mask = Mask.of(f"secret-{number:08}-{number * 7919:012x}" for number in range(secrets))
    print(f"{changes:,} resources, {len(plan_json) / 1e6:.0f} MB, {secrets} secrets")
    decoded, plan = _timed("read_plan", lambda: read_plan(plan_json))
    built, root = _timed(
        "report_plan",
        lambda: report_plan(plan, root_module="network", environment="testing", workspace="testing", mask=mask),
    )
    print(f"    {root.counts.words()}; {len(root.changes):,} after folding")
    run = RunReport(
        operation="plan",
        environment="testing",
        repository="acme/infrastructure",
        commit_sha="0123456789abcdef0123456789abcdef01234567",
        conclusion="success",
        roots=(root,),
        blob_url="https://github.com/acme/infrastructure/blob/0123456789abcdef0123456789abcdef01234567",
    )
    return decoded, built, run


def _timed(name: str, work: Callable[[], Any]) -> tuple[float, Any]:
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        result = work()
        rounds.append(time.process_time() - start)
    seconds = statistics.median(rounds)
    print(f"  {name:42} {seconds:7.3f} s")
    return seconds, result


if __name__ == "__main__":
    sys.exit(main())
