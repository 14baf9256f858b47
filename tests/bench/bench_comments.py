"""How long the comments on merges wait during a busy hour of an organisation, in simulated time.

python -m tests.bench.bench_comments [--plans 1200] [--merges 60] [--seed 1]
"""

import argparse
import statistics
from collections.abc import Sequence

from tests.bench.rows import Row, render
from tests.ghapp.github.busy_hour import play


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Play the hour, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=1200)
    parser.add_argument("--merges", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    hour = play(plans=chosen.plans, merges=chosen.merges, seed=chosen.seed)
    within = f"in an hour with {chosen.plans} plans and {chosen.merges} merges"
    return [
        *(
            Row(
                what=f"end of {kind} apply → its comment {within}, p50 / max",
                figure=f"{statistics.median(waits):.1f} s / {max(waits):.1f} s",
                aim="within a minute",
                reached=max(waits) < 60,
            )
            for kind, waits in (("a successful", hour.succeeded), ("a failed", hour.failed))
            if waits
        ),
        Row(
            what=f"a plan's waits for GitHub {within}, p50 / max",
            figure=f"{statistics.median(hour.plans):.1f} s / {max(hour.plans):.1f} s",
        ),
        Row(
            what=f"requests that GitHub refused {within}",
            figure=f"{hour.refused} of {hour.requests}",
            aim="none",
            reached=not hour.refused,
        ),
    ]


if __name__ == "__main__":
    print(render(main()))
