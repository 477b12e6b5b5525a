"""Schedules as data, and the instants at which they fire, told by the sessions of an exchange."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ArgumentError, ScheduleError
from workbench.market.calendars import session_close, session_open, sessions

_DURATION = re.compile(r"(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")
_ANCHORS = ("before_open", "after_open", "before_close", "after_close")
# The longest closures on record (September 2001) are shorter; a next session lies within this.
_HORIZON = timedelta(days=21)
_NONE = timedelta(0)


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and value.strip() else None
    if match is None:
        raise ValueError(f"{value!r} is no duration; write it as '35m', '1h30m' or '90s'")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Schedule(BaseModel):
    """When a pipeline runs: once each session, so long before or after its open or close.

    Exactly one of the four distances is given. Half days, holidays and daylight saving come from the
    exchange's own sessions. `grace` is how late a run may start and still count as on time; what is later
    was missed, and `on_missed` says whether the latest missed run is made up for (``"once"``) or not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calendar: str = "XNYS"
    before_open: Duration | None = None
    after_open: Duration | None = None
    before_close: Duration | None = None
    after_close: Duration | None = None
    on_missed: Literal["once", "skip"] = "skip"
    grace: Duration = timedelta(minutes=5)

    @model_validator(mode="after")
    def _one_anchor(self) -> "Schedule":
        given = [name for name in _ANCHORS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_ANCHORS)}; it has {len(given)}")
        if getattr(self, given[0]) >= timedelta(hours=24):
            raise ValueError(f"`{given[0]}` is a day or more; give less than 24h")
        return self

    def fire_time(self, session: Any) -> pd.Timestamp:
        """Return the instant, in UTC, at which this fires for one session."""
        if self.before_open is not None:
            return session_open(self.calendar, session) - self.before_open
        if self.after_open is not None:
            return session_open(self.calendar, session) + self.after_open
        if self.before_close is not None:
            return session_close(self.calendar, session) - self.before_close
        return session_close(self.calendar, session) + (self.after_close or _NONE)

    @property
    def text(self) -> str:
        """The schedule in words, as in ``35 min before the open of XNYS``."""
        name = next(name for name in _ANCHORS if getattr(self, name) is not None)
        side, event = name.split("_")
        minutes = getattr(self, name) / timedelta(minutes=1)
        return f"{minutes:g} min {side} the {event} of {self.calendar}"


class PipelineSettings(BaseModel):
    """What lies beside a pipeline's notebook: its question, its limits, and when it runs.

    A run is ended `time_limit` after it began, retries included. Only scheduled runs are tried again: a
    person who runs a pipeline sees its error at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = ""
    time_limit: Duration = Field(default=timedelta(minutes=10), gt=timedelta(0))
    retries: int = Field(default=0, ge=0, le=10)
    retry_wait: Duration = timedelta(seconds=30)
    schedule: Schedule | None = None


def read_pipeline_settings(path: Path) -> PipelineSettings:
    """Read the settings beside a pipeline's notebook; without a file it has no schedule.

    Raises
    ------
    ScheduleError
        If the file is not TOML, or a value is not allowed; the sentence names the first such value.
    """
    try:
        settings = PipelineSettings(**tomllib.loads(path.read_text(encoding="utf-8")))
        if settings.schedule is not None:
            sessions(settings.schedule.calendar, "2020-01-02", "2020-01-02")
    except FileNotFoundError:
        return PipelineSettings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{path} cannot be read: {error}. Mend that line.") from error
    except ArgumentError as error:
        raise ScheduleError(f"`schedule.calendar` in {path}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = first["msg"].removeprefix("Value error, ")
        raise ScheduleError(f"`{where}` in {path}: {reason}.") from error
    return settings


def next_fire(schedule: Schedule, after: pd.Timestamp) -> pd.Timestamp | None:
    """Return the first instant after `after` at which the schedule fires, in UTC.

    None when the exchange has no session in the three weeks that follow.
    """
    fires = _fires(schedule, after, after + _HORIZON)
    return next((fire for fire in fires if fire > after), None)


def missed_fires(schedule: Schedule, since: pd.Timestamp, until: pd.Timestamp) -> list[pd.Timestamp]:
    """Return the instants after `since` and up to `until` at which the schedule fired, the oldest first."""
    return [fire for fire in _fires(schedule, since, until) if since < fire <= until]


def last_fire(schedule: Schedule, until: pd.Timestamp) -> pd.Timestamp | None:
    """Return the latest instant up to `until` at which the schedule fired; None if three weeks hold none."""
    fires = missed_fires(schedule, until - _HORIZON, until)
    return fires[-1] if fires else None


def _fires(schedule: Schedule, first: pd.Timestamp, last: pd.Timestamp) -> list[pd.Timestamp]:
    # A fire lies less than a day from its session's open or close, and an open up to a day from its date.
    start = (first - timedelta(days=3)).tz_convert("UTC").date()
    end = (last + timedelta(days=3)).tz_convert("UTC").date()
    return sorted(schedule.fire_time(day) for day in sessions(schedule.calendar, start, end))
