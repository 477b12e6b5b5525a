"""Dates of news in the forms that feeds write them, as instants."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_EPOCH = re.compile(r"\d{9,10}(\.\d+)?|\d{13}")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})T?(\d{2})(\d{2})(\d{2})?")
_FRACTION = re.compile(r"(\.\d{6})\d+")
# Names that RFC 2822 does not know; the two seasons of Europe, Asia and the Pacific as feeds write them.
_ZONES = {
    "UTC": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "IST": 5.5, "SGT": 8, "HKT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12,
}  # fmt: skip
_NAMED = re.compile(rf"\s\(?({'|'.join(_ZONES)})\)?$")
_FORMS = (
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M %z",
    "%d %B %Y %H:%M:%S %z",
    "%d %B %Y %H:%M %z",
    "%B %d, %Y %H:%M:%S %z",
    "%B %d, %Y %H:%M %z",
    "%B %d, %Y %I:%M %p %z",
    "%b %d, %Y %I:%M %p %z",
    "%b %d, %Y %H:%M:%S %z",
    "%A, %d %B %Y %H:%M:%S %z",
    "%A, %B %d, %Y %H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S %z",
    "%d %b %Y %H:%M:%S %z",
    "%d %b %Y %z",
    "%d %B %Y %z",
    "%B %d, %Y %z",
    "%b %d, %Y %z",
    "%Y/%m/%d %z",
)


def story_time(value: object) -> str | None:
    """Return a date of a feed as ISO text in UTC; what cannot be read comes back as it was.

    RFC 822 and 2822 with offsets or names of zones, ISO 8601 with or without a zone, English months spelt
    out, seconds and milliseconds since 1970. A date without a zone is UTC, as RFC 4287 and the feeds of
    agencies have it; one whose order of day and month is open (03/04/2026) is not guessed.

    Examples
    --------
    >>> story_time("Fri, 20 Nov 2026 09:31:05 -0500"), story_time("20261120T143000")
    ('2026-11-20T14:31:05+00:00', '2026-11-20T14:30:00+00:00')
    """
    if value is None or isinstance(value, bool):
        return None
    text = " ".join(str(value).split())
    if not text:
        return None
    moment = _read(text)
    if moment is None:
        return text
    try:
        return moment.astimezone(UTC).isoformat()
    except (OverflowError, ValueError):
        return text


def _read(text: str) -> datetime | None:
    for read in (_counted, _compact, _iso, _mail, _spelt):
        try:
            found = read(text)
        except (ValueError, TypeError, OverflowError, IndexError, OSError):
            continue
        if found is not None:
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None


def _counted(text: str) -> datetime | None:
    if not _EPOCH.fullmatch(text):
        return None
    number = float(text)
    return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)


def _compact(text: str) -> datetime | None:
    found = _COMPACT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _iso(text: str) -> datetime | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    return datetime.fromisoformat(_FRACTION.sub(r"\1", text.removesuffix(" UTC").removesuffix(" GMT")))


def _mail(text: str) -> datetime | None:
    if "/" in text or not re.search(r"\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4}\b", text):
        return None
    named = _NAMED.search(text)
    if named:
        text = text[: named.start()] + " +0000"
    found = parsedate_to_datetime(text)
    return _in_zone(found, named.group(1)) if named else found


def _spelt(text: str) -> datetime | None:
    zone = "UTC"
    named = _NAMED.search(text)
    if named:
        text, zone = text[: named.start()], named.group(1)
    text = text.removesuffix(" GMT").removesuffix(" Z")
    for form in _FORMS:
        for candidate in (text, f"{text} +0000"):
            try:
                moment = datetime.strptime(candidate, form)  # noqa: DTZ007 - every form holds %z
            except ValueError:
                continue
            return _in_zone(moment, zone)
    return None


def _in_zone(moment: datetime, name: str) -> datetime:
    return moment.replace(tzinfo=timezone(timedelta(hours=_ZONES[name]))) if name != "UTC" else moment
