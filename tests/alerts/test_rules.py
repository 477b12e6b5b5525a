"""Rule documents: the specification's load unchanged, and every malformed one gets one sentence."""

import itertools
import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.alerts import MEASURES, AlertRule
from workbench.errors import RuleError

SEED = {
    "symbol": "AAPL",
    "name": "AAPL over 180",
    "conditions": [{"type": "price", "operator": ">", "value": 180}],
    "notification_methods": ["push", "email"],
    "enabled": True,
}


def test_the_specifications_rule_loads_unchanged():
    assert AlertRule.from_document(SEED).to_document() == SEED
    assert AlertRule.from_document(json.dumps(SEED)).to_document() == SEED


def test_a_row_of_the_specifications_table_loads_with_its_own_columns():
    row = SEED | {
        "id": "5b1f",
        "user_id": "9c2e",
        "triggered_at": None,
        "created_at": "2024-05-01T00:00:00Z",
        "notification_methods": None,
    }
    rule = AlertRule.from_document(row)
    assert rule.to_document() == row
    assert rule.channels == ()


def test_a_rule_without_a_name_is_named_by_its_conditions():
    document = {
        "symbol": "AAPL",
        "conditions": [
            {"type": "price", "operator": ">=", "value": 1250.5},
            {"type": "change", "operator": "<", "value": -0.05},
        ],
    }
    assert AlertRule.from_document(document).name == "AAPL price >= 1,250.5 and AAPL change < -5 %"
    assert AlertRule.from_document(document | {"match": "any"}).name.count(" or ") == 1


def test_every_measure_of_the_book_can_be_watched():
    for measure in MEASURES:
        condition = {"type": "book", "measure": measure, "operator": "<", "value": -1}
        assert AlertRule.from_document({"conditions": [condition]}).symbols == ()


def test_symbols_are_the_rules_own_and_those_that_conditions_name():
    conditions = [
        {"type": "price", "operator": ">", "value": 1},
        {"type": "volume", "operator": ">", "value": 1, "symbol": "SPY   210917C00450000"},
        {"type": "book", "measure": "var", "operator": ">", "value": 1},
    ]
    rule = AlertRule.from_document({"symbol": "AAPL", "conditions": conditions})
    assert rule.symbols == ("AAPL", "SPY   210917C00450000")


def test_only_channels_that_deliver_are_named():
    methods = ["push", "file", "email", "inbox", "file"]
    assert AlertRule.from_document(SEED | {"notification_methods": methods}).channels == ("file", "inbox")


PRICE = SEED["conditions"][0]
BOOK = {"type": "book", "operator": ">", "value": 1}
CROSSING_VAR = BOOK | {"measure": "var", "operator": "crosses_above"}
WRONG_NUMBERS = ["180", True, None, [], {}, float("nan"), float("inf"), 1e16, 10**400]
MALFORMED = [
    ("no `conditions`", {}),
    ("no `conditions`", {"symbol": "AAPL"}),
    ("a list", []),
    ("`conditions` is empty", SEED | {"conditions": []}),
    ("`conditions` is null; give a list", SEED | {"conditions": None}),
    ('`conditions` is {"type": "price"', SEED | {"conditions": PRICE}),
    ("`conditions[0]` is of type 'x'", SEED | {"conditions": ["x"]}),
    ("`conditions[0]` is of type null", SEED | {"conditions": [{}]}),
    ("`conditions[0]` is of type 'prize'", SEED | {"conditions": [PRICE | {"type": "prize"}]}),
    ("`conditions[1].operator` is 'above'", SEED | {"conditions": [PRICE, PRICE | {"operator": "above"}]}),
    ("is 'crosses_above'; give '>', '>=', '<' or '<='", {"conditions": [CROSSING_VAR]}),
    ("`conditions[0].operator` is null", SEED | {"conditions": [PRICE | {"operator": None}]}),
    ("no `conditions[0].value`", SEED | {"conditions": [{"type": "price", "operator": ">"}]}),
    ("no `conditions[0].operator`", SEED | {"conditions": [{"type": "price", "value": 1}]}),
    ("`conditions[0].symbol` is empty", SEED | {"conditions": [PRICE | {"symbol": ""}]}),
    ("perhaps `value` was meant", SEED | {"conditions": [PRICE | {"valeu": 3}]}),
    ("perhaps `conditions` was meant", {"symbol": "AAPL", "conditons": [PRICE]}),
    ("`color` that no rule knows; remove it", SEED | {"color": "red"}),
    ("+500%; give a fraction", SEED | {"conditions": [{"type": "change", "operator": ">", "value": 5}]}),
    ("watches a price of no symbol", {"conditions": [PRICE]}),
    (
        "`conditions[0].measure` is 'delta'",
        {"conditions": [{"type": "book", "measure": "delta", "operator": ">", "value": 1}]},
    ),
    ("no `conditions[0].measure`", {"conditions": [BOOK]}),
    ("give it a rule of its own", SEED | {"conditions": [PRICE, {"type": "job_failure"}]}),
    ("`conditions[0].pipeline` is 3", {"conditions": [{"type": "job_failure", "pipeline": 3}]}),
    ("`conditions[0].value` that no rule knows", {"conditions": [{"type": "job_failure", "value": 3}]}),
    ("`symbol` is 3; give text", SEED | {"symbol": 3}),
    ("`symbol` is empty", SEED | {"symbol": ""}),
    ("`name` is 7", SEED | {"name": 7}),
    ("`name` is 'xxx", SEED | {"name": "x" * 256}),
    ("`enabled` is 'yes'; give true or false", SEED | {"enabled": "yes"}),
    ("`enabled` is null", SEED | {"enabled": None}),
    ("`enabled` is 1", SEED | {"enabled": 1}),
    ("`match` is 'some'", SEED | {"match": "some"}),
    ("`severity` is 'loud'", SEED | {"severity": "loud"}),
    ("`notification_methods` is 'push'; give a list", SEED | {"notification_methods": "push"}),
    ("`notification_methods[1]` is 'pigeon'", SEED | {"notification_methods": ["push", "pigeon"]}),
    ("`conditions` is [", SEED | {"conditions": [PRICE] * 51}),
    ("not JSON", "{'symbol': 'AAPL'}"),
    ("not JSON", ""),
    ("`symbol` stands twice", '{"symbol": "A", "symbol": "B", "conditions": []}'),
    ("nested too deeply", "[" * 100_000),
    *[
        ("`conditions[0].value`", SEED | {"conditions": [PRICE | {"value": wrong}]})
        for wrong in WRONG_NUMBERS
    ],
]


@pytest.mark.parametrize(("part", "document"), MALFORMED)
def test_a_malformed_document_gets_one_sentence_that_names_the_field(part, document):
    with pytest.raises(RuleError) as refused:
        AlertRule.from_document(document)
    sentence = str(refused.value)
    assert part in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 400


PLACES = [
    ("symbol",),
    ("name",),
    ("conditions",),
    ("conditions", 0),
    ("conditions", 0, "type"),
    ("conditions", 0, "operator"),
    ("conditions", 0, "value"),
    ("notification_methods",),
    ("notification_methods", 0),
    ("enabled",),
]


@pytest.mark.parametrize(
    ("place", "junk"),
    list(itertools.product(PLACES, [3.5, "junk\n<b>", [], {}, [[]], {"a": 1}, b"x", object()])),
)
def test_junk_in_any_field_is_refused_or_accepted_and_nothing_else(place, junk):
    document = deepcopy(SEED)
    target = document
    for part in place[:-1]:
        target = target[part]
    target[place[-1]] = junk
    try:
        AlertRule.from_document(document)
    except RuleError as error:
        assert "\n" not in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(document=json_values)
def test_no_json_value_gets_anything_but_a_rule_error(document):
    with pytest.raises(RuleError):
        AlertRule.from_document(document)


@given(text=st.text(max_size=40))
def test_no_text_gets_anything_but_a_rule_error(text):
    with pytest.raises(RuleError):
        AlertRule.from_document(text)


def test_every_document_of_the_reference_page_loads():
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    documents = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    assert len(documents) == 5
    for document in documents:
        AlertRule.from_document(document)


def test_the_reference_page_names_every_measure_and_severity():
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    for word in (*MEASURES, "info", "warn", "breach", "critical"):
        assert f"`{word}`" in page or f'`"{word}"`' in page
