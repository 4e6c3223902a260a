"""Durations in Go's notation, in which Docker's health checks are written and reported."""

import re

UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9} | {
    "h": 3600 * 10**9
}
PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse_duration(text: str) -> int | None:
    """Nanoseconds, or None when Go would not read it."""
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-") if text[:1] in "+-" else text
    if body == "0":
        return 0
    if not re.fullmatch(f"({PART.pattern})+", body):
        return None
    return sign * sum(int(float(number) * UNITS[unit]) for number, unit in PART.findall(body))


def format_duration(nanoseconds: int) -> str:
    """As Go prints it: `30s`, `1m0s`, `1.5s`, `100ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 0:
        return "-" + format_duration(-nanoseconds)
    for unit in ("ns", "µs", "ms"):
        bigger = {"ns": "µs", "µs": "ms", "ms": "s"}[unit]
        if nanoseconds < UNITS[bigger]:
            return f"{_decimal(nanoseconds, UNITS[unit])}{unit}"
    minutes, rest = divmod(nanoseconds, UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, UNITS['s'])}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
