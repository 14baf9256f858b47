"""Five fields of cron, checked before anything waits for a time that never comes."""

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_PART = re.compile(r"(?:\*|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/(?P<step>[0-9]{1,3}))?")
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def cron_problem(text: str) -> str | None:
    """What is wrong with a schedule of five fields, or None.

    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html, and steps as in `*/15`
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return (
            f'must have five fields (minute, hour, day of month, month, day of week), such as "0 6 * * 1-5": "{text}"'
        )
    values: list[frozenset[int]] = []
    for field, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        found = _field_values(field.lower(), low, high, names)
        if found is None:
            return f'{name} must be "*" or from {low} to {high}, with ranges, lists and steps, not "{field}"'
        values.append(found)
    days, months = values[2], values[3]
    if fields[4] == "*" and min(days) > max(_LONGEST_MONTH.get(month, 31) for month in months):
        return f'names a day that does not exist: "{text}"'
    return None


def _field_values(field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int] | None:
    values: set[int] = set()
    for part in field.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            return None
        step = int(found["step"] or 1)
        first = low if found["first"] is None else _number(found["first"], names)
        alone = found["last"] is None and found["step"] is None and found["first"] is not None
        last = first if alone else high if found["last"] is None else _number(found["last"], names)
        if first is None or last is None or step == 0 or not low <= first <= last <= high:
            return None
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(word: str, names: dict[str, int]) -> int | None:
    if word in names:
        return names[word]
    return int(word) if word.isdigit() and len(word) <= 2 else None
