"""Masking a log with 500 secrets, compared with one pass for each secret (in its plain form only).

    python tests/bench/bench_masking.py [--secrets 500] [--megabytes 20]

The bound: 20 MB/s or better.
"""

import argparse
import random
import string
import sys
import time
from collections.abc import Callable

from checks.sensitive import REPLACEMENT, Mask
from checks.sensitive.line_mask import LineMask

LINES = (
    '2026-11-23T22:55:39Z module.region["eu-west-1"].aws_instance.web[%d]: Modifying... [id=i-0abcdef%08d]\n',
    '      ~ instance_type = "m5.large" -> "m5.xlarge"   # forces nothing, number %d of %d\n',
    '{"@level":"info","@message":"aws_subnet.private[%d]: Refreshing state...","hook":{"id":"subnet-%d"}}\n',
    "  https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:%d;state=%d\n",
)
CHUNK = 8192


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secrets", type=int, default=500)
    parser.add_argument("--megabytes", type=int, default=20)
    chosen = parser.parse_args()
    chance = random.Random(5)
    secrets = [_secret(chance) for _ in range(chosen.secrets)]
    text = _log(chance, secrets, chosen.megabytes * 1_000_000)
    start = time.perf_counter()
    mask = Mask.of(secrets)
    print(f"{chosen.secrets} secrets, made ready in {(time.perf_counter() - start) * 1e3:.0f} ms")
    speeds = {
        "one pass a secret, plain only": _speed(text, lambda: _one_by_one(text, secrets)),
        "Mask.text": _speed(text, lambda: mask.text(text)),
        "Mask.text, no secret known": _speed(text, lambda: Mask.none().text(text)),
        "Mask.lines, chunks of 8 KiB": _speed(text, lambda: _streamed(text, mask)),
    }
    for name, speed in speeds.items():
        print(f"  {name:30} {speed:7.1f} MB/s")
    masked = mask.text(text)
    assert not any(secret in masked for secret in secrets)
    kept = speeds["Mask.text"] >= 20 and speeds["Mask.lines, chunks of 8 KiB"] >= 20
    print("  within the bound" if kept else "  OUT OF BOUNDS")
    return 0 if kept else 1


def _secret(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits + '/+%"&', k=chance.randint(12, 40)))


def _log(chance: random.Random, secrets: list[str], size_bytes: int) -> str:
    lines: list[str] = []
    written = 0
    while written < size_bytes:
        number = len(lines)
        line = LINES[number % len(LINES)] % (number, number)
        if number % 100 == 0:
            line = f"password = {chance.choice(secrets)}\n"
        lines.append(line)
        written += len(line)
    return "".join(lines)


def _speed(text: str, masking: Callable[[], str]) -> float:
    start = time.perf_counter()
    masking()
    return len(text) / 1e6 / (time.perf_counter() - start)


def _one_by_one(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, REPLACEMENT)
    return text


def _streamed(text: str, mask: Mask) -> str:
    lines = LineMask(mask)
    parts = [lines.feed(text[start : start + CHUNK]) for start in range(0, len(text), CHUNK)]
    return "".join([*parts, lines.flush()])


if __name__ == "__main__":
    sys.exit(main())
