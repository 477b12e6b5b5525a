"""Rules see the desk's own figures, and a split is no fall."""

import pandas as pd

RULE = {
    "symbol": "SPLIT",
    "name": "falls by a tenth",
    "conditions": [{"type": "change", "operator": "<", "value": -0.1}],
}


def load_days(desk, closes, first="2024-03-04"):
    """Bars of one symbol on sessions from `first`."""
    frame = pd.DataFrame({"close": closes}, dtype=float)
    frame["time"] = pd.bdate_range(first, periods=len(closes), tz="UTC")
    frame["symbol"], frame["volume"] = "SPLIT", 100.0
    for column in ("open", "high", "low"):
        frame[column] = frame["close"]
    desk.load_bars(frame, source="test")


def test_a_fall_fires_and_the_same_fact_is_told_once(desk):
    """100 to 80 is a fall of a fifth."""
    load_days(desk, [100, 80])
    desk.save_rule(RULE)
    assert len(desk.check_rules("2024-03-05")) == 1
    assert len(desk.check_rules("2024-03-05")) == 0
    assert desk.alerts()["as_of"].iloc[0] == pd.Timestamp("2024-03-05 21:00", tz="UTC")


def test_a_split_is_no_fall(desk):
    """Four new shares for one old: 100 to 25.5 is a rise of two per cent."""
    load_days(desk, [100, 25.5])
    split = pd.DataFrame(
        {"symbol": ["SPLIT"], "ex_date": [pd.Timestamp("2024-03-05")], "kind": ["split"], "value": [4.0]}
    )
    desk._lake.write("corporate_actions", split, source="test")
    desk.save_rule(RULE)
    assert len(desk.check_rules("2024-03-05")) == 0


def test_a_missing_fact_is_unknown_and_said(desk):
    """No bars at all: the rule is neither quiet nor fired."""
    desk.save_rule(RULE)
    outcome = desk.check_rules("2024-03-05")
    assert len(outcome) == 0
    assert "falls by a tenth" in outcome.unknown[0]


def test_one_unreadable_rule_stops_no_other(desk):
    """A rule that a later version wrote is reported; the rest are checked."""
    load_days(desk, [100, 80])
    desk._ledger.rules.save({"name": "from the future", "conditions": [{"type": "moon_phase"}]})
    desk.save_rule(RULE)
    outcome = desk.check_rules("2024-03-05")
    assert len(outcome) == 1
    assert "from the future" in outcome.unknown[0]


def test_an_option_has_a_price_too(demo_copy):
    """A rule on a contract reads its mid."""
    from workbench import Desk

    with Desk.open(demo_copy) as desk:
        desk.save_rule(
            {
                "symbol": "AAPL  130420P00420000",
                "name": "short put above twenty",
                "conditions": [{"type": "price", "operator": ">", "value": 20}],
            }
        )
        assert len(desk.check_rules()) == 1


def test_the_books_measures_are_the_headlines(demo_copy, demo_desk):
    """A rule on VaR just under the headline fires, one just above does not."""
    from workbench import Desk

    var = demo_desk.headline().value_at_risk
    with Desk.open(demo_copy) as desk:
        for name, value in (("under", var - 1), ("over", var + 1)):
            desk.save_rule(
                {
                    "name": name,
                    "conditions": [{"type": "book", "measure": "var", "operator": ">", "value": value}],
                }
            )
        desk.check_rules()
        names = set(desk.alerts()["name"])
    assert "under" in names
    assert "over" not in names
