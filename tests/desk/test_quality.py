"""What the desk finds odd about its own data, and what it refused."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ArgumentError
from workbench.market import sessions
from workbench.settings import write_settings


@pytest.fixture
def quarter():
    """Bars of two symbols: one whole, one with a hole, a jump and an end three sessions early."""
    days = sessions("XNYS", "2012-10-01", "2012-12-31")
    rng = np.random.default_rng(5)
    frames = []
    for symbol in ("WHOLE", "HOLED"):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(days))))
        frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close)).assign(volume=1e6)
        frames.append(frame.assign(symbol=symbol, time=days.tz_localize("UTC")))
    whole, holed = frames
    holed = holed.drop(index=[20]).iloc[:-3]
    holed.loc[40, ["open", "high", "low", "close"]] = 10.0
    return pd.concat([whole, holed], ignore_index=True)


@pytest.fixture
def desk_of_2012(tmp_path, quarter):
    from workbench import Desk

    home = tmp_path / "desk"
    home.mkdir()
    write_settings(home, {"clock.as_of": pd.Timestamp("2012-12-31").date()})
    with Desk.open(home) as desk:
        desk.load(quarter, kind="bars", source="two symbols")
        yield desk


def test_holes_jumps_and_lateness_are_found_and_the_whole_symbol_is_not_named(desk_of_2012):
    found = desk_of_2012.quality(start="2012-10-01")
    assert set(found["symbol"]) == {"HOLED"}
    counts = found.set_index("finding")["count"]
    assert counts["missing_session"] == 1
    assert counts["behind"] == 3
    assert {"outlier", "possible_split"} & set(found["finding"])
    assert (
        found[found["finding"] == "behind"]["detail"].iloc[0] == "no bar since 2012-12-26, 3 sessions behind"
    )


def test_a_month_is_looked_over_unless_more_is_asked_for(desk_of_2012):
    assert "missing_session" not in set(desk_of_2012.quality()["finding"])
    assert "2012-12-01" in desk_of_2012.quality().note


def test_nothing_wrong_is_an_empty_frame_of_the_same_shape(desk_of_2012):
    found = desk_of_2012.quality("WHOLE", start="2012-10-01")
    assert found.empty
    assert list(found.columns) == ["data", "symbol", "time", "finding", "count", "detail"]


def test_ticks_are_looked_over_as_well(desk_of_2012):
    times = pd.date_range("2012-12-31 15:00", periods=60, freq="s", tz="UTC").as_unit("us")
    quotes = pd.DataFrame(
        {"symbol": "WHOLE", "time": times, "sequence": 0, "bid": 100.0, "ask": 100.02, "bid_size": 1.0,
         "ask_size": 1.0}
    )  # fmt: skip
    quotes.loc[3, "bid"] = 101.0
    desk_of_2012._lake.write("quotes", quotes, source="a feed")
    found = desk_of_2012.quality(kinds=("quotes",))
    assert found[["data", "finding", "count"]].values.tolist() == [["quotes", "crossed", 1]]


def test_refused_rows_are_counted_by_reason_without_their_values(desk_of_2012, quarter):
    bad = quarter.head(5).assign(close=[0.0, -1.0, 0.0, np.nan, 1.0])
    desk_of_2012.load(bad, kind="bars", source="a bad file")
    reasons = desk_of_2012.quarantine_reasons()
    assert reasons["rows"].sum() >= 4
    assert not reasons["reason"].str.contains(r"\d").any()


def test_an_unknown_kind_is_answered_with_those_there_are(desk_of_2012):
    with pytest.raises(ArgumentError, match="option_chain"):
        desk_of_2012.quality(kinds=("news",))
