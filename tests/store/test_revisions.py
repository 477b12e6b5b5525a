"""What a row was before, in the order in which the desk learned it."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from workbench.errors import ArgumentError
from workbench.store import Lake


def said(day, session="unknown"):
    return pd.DataFrame(
        {
            "symbol": ["AAPL"],
            "fiscal_period": ["2026Q4"],
            "date": [pd.Timestamp(day)],
            "session": [session],
            "confirmed": [False],
        }
    )


def at(day):
    return datetime(2026, 9, day, 12, tzinfo=UTC)


def test_a_moved_date_keeps_both_versions_and_says_until_when_each_was_believed(tmp_path):
    with Lake.open(tmp_path / "lake") as lake:
        lake.write("earnings", said("2026-10-29"), source="F", recorded_at=at(1))
        lake.write("earnings", said("2026-10-29"), source="F", recorded_at=at(2))  # says the same
        lake.write("earnings", said("2026-11-03"), source="F", recorded_at=at(5))
        lake.write("earnings", said("2026-11-02"), source="G", recorded_at=at(6))
        found = lake.revisions("earnings", symbols="AAPL")
        assert found["date"].dt.strftime("%m-%d").tolist() == ["10-29", "11-03", "11-02"]
        assert found["source"].tolist() == ["F", "F", "G"]
        assert found["recorded_at"].tolist() == [at(1), at(5), at(6)]
        assert found["replaced_at"].iloc[0] == pd.Timestamp(at(5))
        assert found["replaced_at"].iloc[1:].isna().all()
        assert len(lake.revisions("earnings", symbols="AAPL", known_at=at(4))) == 1
        assert len(lake.revisions("earnings", where={"source": "G"})) == 1
        assert lake.revisions("earnings", symbols="MSFT").empty
        with pytest.raises(ArgumentError, match="no column"):
            lake.revisions("earnings", where={"colour": "red"})
