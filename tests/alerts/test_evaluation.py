"""Edges, missing facts, and facts that are told once."""

from datetime import UTC, date, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.alerts import AlertRule, Facts, FailedRun, PriceFact, alert_message, alert_messages, evaluate
from workbench.errors import ArgumentError

CLOSE = datetime(2013, 3, 1, 21, tzinfo=UTC)
SESSION = date(2013, 3, 1)


def rule(*conditions, **fields):
    return AlertRule.from_document({"symbol": "AAPL", "name": "Watch", "conditions": [*conditions]} | fields)


def facts(price=None, previous=None, volume=None, **fields):
    known = {"as_of": CLOSE, "session": SESSION, "prices": {"AAPL": PriceFact(price, previous, volume)}}
    return Facts(**(known | fields))


def price(operator, value):
    return {"type": "price", "operator": operator, "value": value}


def test_over_180_fires_at_180_01_and_not_at_180():
    watch = rule(price(">", 180))
    assert evaluate(watch, facts(180.01)).status == "fired"
    assert evaluate(watch, facts(180.00)).status == "quiet"


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [
        (">", "quiet", "quiet", "fired"),
        (">=", "quiet", "fired", "fired"),
        ("<", "fired", "quiet", "quiet"),
        ("<=", "fired", "fired", "quiet"),
    ],
)
def test_each_operator_at_its_edge(operator, below, at, above):
    watch = rule(price(operator, 180))
    outcomes = [evaluate(watch, facts(value)).status for value in (179.99, 180.0, 180.01)]
    assert outcomes == [below, at, above]


@pytest.mark.parametrize(
    ("operator", "previous", "now", "status"),
    [
        ("crosses_above", 179.0, 180.01, "fired"),
        ("crosses_above", 180.0, 180.01, "fired"),
        ("crosses_above", 180.01, 181.0, "quiet"),
        ("crosses_above", 179.0, 180.0, "quiet"),
        ("crosses_below", 181.0, 179.99, "fired"),
        ("crosses_below", 179.0, 178.0, "quiet"),
        ("crosses_above", None, 181.0, "unknown"),
    ],
)
def test_a_crossing_needs_both_sides(operator, previous, now, status):
    assert evaluate(rule(price(operator, 180)), facts(now, previous)).status == status


def test_a_change_is_a_fraction_of_the_close_before():
    watch = rule({"type": "change", "operator": "<", "value": -0.05})
    assert evaluate(watch, facts(94.99, 100.0)).status == "fired"
    assert evaluate(watch, facts(95.01, 100.0)).status == "quiet"
    assert evaluate(watch, facts(94.0)).status == "unknown"


def test_volume_and_the_book_are_watched_alike():
    assert evaluate(rule({"type": "volume", "operator": ">", "value": 10}), facts(1, 1, 11)).status == "fired"
    watch = rule({"type": "book", "measure": "var", "operator": ">", "value": 5000})
    assert evaluate(watch, facts(measures={"var": 5000.01})).status == "fired"
    assert evaluate(watch, facts(measures={"var": 5000.0})).status == "quiet"
    assert evaluate(watch, facts(measures={"es": 9000.0})).status == "unknown"


@pytest.mark.parametrize("missing", [None, nan, inf])
def test_a_missing_fact_is_unknown_and_named_not_quiet(missing):
    outcome = evaluate(rule(price(">", 180)), facts(missing))
    assert outcome.status == "unknown"
    assert outcome.reason == "AAPL price is missing"
    assert outcome.firings == ()


def test_an_unknown_symbol_is_a_missing_fact():
    assert evaluate(rule(price("<", 180)), Facts(as_of=CLOSE, session=SESSION)).status == "unknown"


MISSING = {"type": "volume", "operator": ">", "value": 1}
TRUE, FALSE = price(">", 1), price(">", 1000)


@pytest.mark.parametrize(
    ("match", "conditions", "status"),
    [
        ("all", [TRUE, TRUE], "fired"),
        ("all", [TRUE, FALSE], "quiet"),
        ("all", [TRUE, MISSING], "unknown"),
        ("all", [FALSE, MISSING], "quiet"),
        ("any", [TRUE, FALSE], "fired"),
        ("any", [FALSE, FALSE], "quiet"),
        ("any", [TRUE, MISSING], "fired"),
        ("any", [FALSE, MISSING], "unknown"),
    ],
)
def test_what_is_missing_counts_only_where_the_outcome_hangs_on_it(match, conditions, status):
    assert evaluate(rule(*conditions, match=match), facts(180.0)).status == status


def test_a_rule_that_is_not_enabled_is_quiet():
    assert evaluate(rule(price(">", 1), enabled=False), facts(180.0)).status == "quiet"


def key(watch, known):
    return evaluate(watch, known).firings[0].fact_key


def test_one_fact_has_one_key_all_session_long_and_another_the_next():
    watch = rule(price(">", 180))
    first = key(watch, facts(180.5))
    assert key(watch, facts(190.0, as_of=datetime(2013, 3, 1, 18, tzinfo=UTC))) == first
    assert key(watch, facts(180.5, session=date(2013, 3, 4))) != first
    assert key(rule(price(">", 170)), facts(180.5)) != first
    assert key(rule(price(">", 180), name="Other"), facts(180.5)) != first
    assert key(rule(price(">", 180), severity="critical"), facts(180.5)) == first
    assert first.startswith("Watch:price:2013-03-01:")


@given(now=st.floats(1, 1000), previous=st.floats(1, 1000))
def test_evaluation_depends_on_its_arguments_alone(now, previous):
    watch = rule(price("crosses_above", 500))
    assert evaluate(watch, facts(now, previous)) == evaluate(watch, facts(now, previous))


def test_each_failed_run_is_told_once_and_by_itself():
    failed = (
        FailedRun("r1", "morning_risk", "failed", "KeyError: <b>x</b>"),
        FailedRun("r2", "morning_risk", "timed_out"),
        FailedRun("r3", "other", "interrupted"),
    )
    watch = AlertRule.from_document(
        {"name": "Jobs", "conditions": [{"type": "job_failure", "pipeline": "morning_risk"}]}
    )
    outcome = evaluate(watch, facts(failed_runs=failed))
    messages = alert_messages(outcome)
    assert [message["title"] for message in messages] == [
        "Jobs: morning_risk failed",
        "Jobs: morning_risk ran out of time",
    ]
    assert len({message["fact_key"] for message in messages}) == 2
    assert ":r1:" in messages[0]["fact_key"]
    assert "KeyError: <b>x</b>" in messages[0]["body"]
    later = evaluate(watch, facts(failed_runs=failed, session=date(2013, 3, 4)))
    assert alert_messages(later)[0]["fact_key"] == messages[0]["fact_key"]
    anything = AlertRule.from_document({"conditions": [{"type": "job_failure"}]})
    assert len(evaluate(anything, facts(failed_runs=failed)).firings) == 3
    assert evaluate(anything, facts()).status == "quiet"


def test_the_message_says_what_was_found_when_and_from_where():
    watch = rule(price(">", 180), {"type": "change", "operator": ">", "value": 0.01}, severity="breach")
    known = facts(180.01, 175.0, as_of_text="Fri 1 Mar 2013, 16:00 New York", source="sample (modelled)")
    message = alert_message(evaluate(watch, known))
    assert message["title"] == "Watch: AAPL price 180.01 and 1 more"
    assert message["body"].splitlines() == [
        "AAPL price > 180: it is 180.01, so this holds.",
        "AAPL change > +1 %: it is +2.863 %, so this holds.",
        "As of Fri 1 Mar 2013, 16:00 New York.",
        "Source: sample (modelled).",
    ]
    assert message["severity"] == "breach"
    assert message["facts"][0] == {
        "condition": "AAPL price > 180",
        "label": "AAPL price",
        "operator": ">",
        "threshold": 180,
        "value": 180.01,
        "unit": "",
        "holds": True,
    }
    assert message["as_of"] == "2013-03-01T21:00:00+00:00"


def test_money_is_written_with_its_unit():
    watch = rule({"type": "book", "measure": "worst_scenario", "operator": "<", "value": -10000})
    message = alert_message(evaluate(watch, facts(measures={"worst_scenario": -12345.6})))
    assert message["title"] == "Watch: P&L in the worst scenario \N{MINUS SIGN}12,346 $"


def test_text_from_outside_is_kept_as_data_and_a_title_stays_on_one_line():
    name = "<script>alert(1)</script>\r\nBcc: all@example.com\x1b[31m"
    message = alert_message(evaluate(rule(price(">", 1), name=name), facts(2.0)))
    assert message["name"] == name
    assert message["title"].startswith("<script>alert(1)</script> Bcc: all@example.com [31m")
    assert message["title"].isprintable()


def test_a_rule_that_did_not_fire_has_no_message():
    with pytest.raises(ArgumentError, match="The rule is quiet"):
        alert_message(evaluate(rule(price(">", 1000)), facts(1.0)))
