"""Format times and durations for people."""

from datetime import UTC, datetime

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def iso(at: float) -> str:
    """A time for `<time datetime>`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_time(at: float) -> str:
    """A time in full."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(at: float, now: float) -> str:
    """How long ago: "just now", "5 min ago", "3 d ago"."""
    passed = now - at
    return "just now" if passed < 60 else f"{_largest(passed)} ago"


def lasted(seconds: float) -> str:
    """A duration: "0.4 s", "12 s", "3 min 5 s", "2 h 1 min"."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _largest(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{int(seconds // size)} {unit}"
