"""When pipelines run: told by the exchange's sessions, half days and daylight saving included."""

from datetime import timedelta

import pandas as pd
import pytest

from workbench.desk.schedule import (
    Schedule,
    last_fire,
    missed_fires,
    next_fire,
    read_pipeline_settings,
)
from workbench.errors import ScheduleError


def new_york(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC")


BEFORE_OPEN = Schedule(before_open="35m")
BEFORE_CLOSE = Schedule(before_close="15m")


def test_thirty_five_minutes_before_the_open_is_five_to_nine():
    assert next_fire(BEFORE_OPEN, new_york("2026-11-20 08:54:59")) == new_york("2026-11-20 08:55")


def test_a_fire_is_not_repeated_at_its_own_instant_and_weekends_are_passed_over():
    assert next_fire(BEFORE_OPEN, new_york("2026-11-20 08:55")) == new_york("2026-11-23 08:55")


def test_a_half_day_closes_early_and_a_holiday_has_no_run():
    # NYSE: closed on Thanksgiving, Thursday 26 November 2026; the Friday after it closes at 13:00.
    assert next_fire(BEFORE_CLOSE, new_york("2026-11-25 15:45")) == new_york("2026-11-27 12:45")


@pytest.mark.parametrize(
    ("friday", "monday_utc"),
    [
        # Clocks in New York go forward on 8 March 2026 and back on 1 November 2026.
        ("2026-03-06 12:00", "2026-03-09 12:55"),
        ("2026-10-30 12:00", "2026-11-02 13:55"),
    ],
)
def test_daylight_saving_moves_the_run_with_the_exchange(friday, monday_utc):
    assert next_fire(BEFORE_OPEN, new_york(friday)) == pd.Timestamp(monday_utc, tz="UTC")


def test_after_the_close_and_after_the_open():
    assert next_fire(Schedule(after_close="30m"), new_york("2026-11-20 12:00")) == new_york(
        "2026-11-20 16:30"
    )
    assert next_fire(Schedule(after_open="1h30m"), new_york("2026-11-20 10:59")) == new_york(
        "2026-11-20 11:00"
    )


def test_another_exchange_has_its_own_sessions():
    # London opens at 08:00; on Thanksgiving it trades.
    fire = next_fire(Schedule(calendar="XLON", before_open="10m"), new_york("2026-11-25 12:00"))
    assert fire == pd.Timestamp("2026-11-26 07:50", tz="Europe/London")


def test_missed_runs_of_a_week_are_its_sessions():
    missed = missed_fires(BEFORE_OPEN, new_york("2026-11-20 08:55"), new_york("2026-11-27 08:55"))
    assert missed == [new_york(f"2026-11-{day} 08:55") for day in (23, 24, 25, 27)]
    assert missed_fires(BEFORE_OPEN, new_york("2026-11-27 08:55"), new_york("2026-11-27 09:00")) == []


def test_the_longest_closure_on_record_is_passed_over():
    # No session from 11 to 14 September 2001.
    assert next_fire(BEFORE_OPEN, new_york("2001-09-10 09:00")) == new_york("2001-09-17 08:55")
    assert last_fire(BEFORE_OPEN, new_york("2001-09-16 09:00")) == new_york("2001-09-10 08:55")


def test_a_schedule_says_itself_in_words():
    assert BEFORE_OPEN.text == "35 min before the open of XNYS"


def settings_of(folder, text):
    path = folder / "some.toml"
    path.write_text(text)
    return read_pipeline_settings(path)


def test_settings_are_read_from_toml(tmp_path):
    settings = settings_of(
        tmp_path,
        'question = "Why?"\ntime_limit = "1h30m"\nretries = 2\n'
        '[schedule]\ncalendar = "XNYS"\nbefore_open = "35m"\non_missed = "once"\ngrace = "90s"\n',
    )
    assert settings.time_limit == timedelta(minutes=90)
    assert settings.schedule is not None
    assert settings.schedule.on_missed == "once"
    assert settings.schedule.grace == timedelta(seconds=90)


def test_a_pipeline_without_a_file_has_no_schedule(tmp_path):
    assert read_pipeline_settings(tmp_path / "none.toml").schedule is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time_limit = 'soon'", "`time_limit` in .*: 'soon' is no duration; write it as '35m'"),
        ("time_limit = '0s'", "`time_limit` in .*greater than"),
        ("time_limit = ''", "'' is no duration"),
        ("retries = -1", "`retries` in .*greater than or equal to 0"),
        ("retry = 1", "`retry` in .*: Extra inputs"),
        ("[schedule]\ncalendar = 'XNYS'", "`schedule` in .*exactly one of before_open"),
        ("[schedule]\nbefore_open = '1m'\nafter_close = '1m'", "exactly one of .*it has 2"),
        ("[schedule]\nbefore_open = '25h'", "give less than 24h"),
        ("[schedule]\nbefore_open = '1m'\non_missed = 'maybe'", "`schedule.on_missed` in .*'once' or 'skip'"),
        ("[schedule]\nbefore_open = '1m'\ncalendar = 'XXXX'", r"`schedule.calendar` in .*'XXXX'"),
        ("[schedule\n", "cannot be read: .* Mend that line"),
    ],
)
def test_a_wrong_schedule_is_told_in_one_sentence_naming_the_value(tmp_path, text, complaint):
    with pytest.raises(ScheduleError, match=complaint) as caught:
        settings_of(tmp_path, text)
    assert "\n" not in str(caught.value)
