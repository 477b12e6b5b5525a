"""Alert rules as documents: what is watched, at which value it matters, and who is told."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from workbench.alerts.measures import MEASURES
from workbench.errors import RuleError

Operator = Literal[">", ">=", "<", "<="]
PriceOperator = Literal[">", ">=", "<", "<=", "crosses_above", "crosses_below"]
# bool is an int to Python, and text that looks like a number is a typing error in a document.
Number = StrictInt | StrictFloat
# Where a message can be delivered today; a document may name the others for the day they exist.
DELIVERABLE = ("inbox", "file")
CONDITION_TYPES = ("price", "change", "volume", "book", "job_failure")
_MANY = 50
_LARGEST = 1e15
_REMEDIES = {
    "too_short": "at least one",
    "string_too_short": "a name",
    "too_long": f"at most {_MANY}",
    "string_too_long": "a shorter one",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "int_type": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_from_float": "a number",
}


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Comparison(_Document):
    value: Number

    @field_validator("value")
    @classmethod
    def _is_of_this_world(cls, value: float) -> float:
        if abs(value) > _LARGEST:
            raise ValueError(f"has more digits than any market; give a number up to {_LARGEST:g}")
        return value


class _MarketCondition(_Comparison):
    symbol: str | None = Field(None, min_length=1, description="Another instrument than the rule's own.")


class PriceCondition(_MarketCondition):
    """The last price of an instrument against a value, in its currency per unit."""

    type: Literal["price"]
    # Only a price comes with its value of the session before.
    operator: PriceOperator


class ChangeCondition(_MarketCondition):
    """The change of a price since the session before, as a fraction (-0.05 is -5 %)."""

    type: Literal["change"]
    operator: Operator

    @field_validator("value")
    @classmethod
    def _is_a_fraction(cls, value: float) -> float:
        if abs(value) >= 1:
            raise ValueError(f"is {value:g}, which is {value:+.0%}; give a fraction, as in -0.05 for -5 %")
        return value


class VolumeCondition(_MarketCondition):
    """The volume of the session against a value, in units traded."""

    type: Literal["volume"]
    operator: Operator


class BookCondition(_Comparison):
    """A figure of the whole book against a value, in the unit that `MEASURES` states."""

    type: Literal["book"]
    operator: Operator
    measure: Literal[
        "value",
        "pnl",
        "day_pnl",
        "dollar_delta",
        "dollar_gamma",
        "vega",
        "theta",
        "var",
        "es",
        "worst_scenario",
    ]


class JobFailureCondition(_Document):
    """A pipeline run that failed, timed out or was interrupted; of one pipeline, or of any."""

    type: Literal["job_failure"]
    pipeline: str | None = Field(None, min_length=1)


def _condition_type(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else None


Comparison = PriceCondition | ChangeCondition | VolumeCondition | BookCondition
Condition = Annotated[
    Annotated[PriceCondition, Tag("price")]
    | Annotated[ChangeCondition, Tag("change")]
    | Annotated[VolumeCondition, Tag("volume")]
    | Annotated[BookCondition, Tag("book")]
    | Annotated[JobFailureCondition, Tag("job_failure")],
    Discriminator(_condition_type),
]


class AlertRule(_Document):
    """One alert rule; read it with `AlertRule.from_document`.

    Parameters
    ----------
    name : str
        Unique among the desk's rules; made from the conditions where the document has none.
    symbol : str, optional
        The instrument that conditions watch unless they name another.
    conditions : sequence of conditions
        At least one; see ``docs/alerts.md``.
    match : {"all", "any"}
        Whether all of them must hold, or one.
    severity : {"info", "warn", "breach", "critical"}
        How loud the alert is.
    notification_methods : sequence of str, optional
        Where it is sent; the desk's own channels where none of them can deliver.
    enabled : bool
        A rule that is not enabled is kept and not evaluated.
    id, user_id, triggered_at, created_at
        Carried along unread: the ledger keeps its own.
    """

    name: str = Field("", max_length=255)
    symbol: str | None = Field(None, min_length=1)
    conditions: tuple[Condition, ...] = Field(min_length=1, max_length=_MANY)
    match: Literal["all", "any"] = "all"
    severity: Literal["info", "warn", "breach", "critical"] = "warn"
    notification_methods: (
        tuple[Literal["inbox", "file", "push", "email", "sms", "webhook", "websocket"], ...] | None
    ) = None
    enabled: StrictBool = True
    id: str | int | None = None
    user_id: str | int | None = None
    triggered_at: str | None = None
    created_at: str | None = None

    @model_validator(mode="after")
    def _says_what_it_watches(self) -> "AlertRule":
        for place, condition in enumerate(self.conditions):
            if isinstance(condition, _MarketCondition) and not (condition.symbol or self.symbol):
                raise ValueError(
                    f"conditions[{place}] watches a {condition.type} of no symbol; give `symbol` to the rule"
                )
        failures = [c for c in self.conditions if isinstance(c, JobFailureCondition)]
        if failures and len(self.conditions) > 1:
            raise ValueError("job_failure stands beside other conditions; give it a rule of its own")
        return self

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | str) -> "AlertRule":
        """Read a rule from a document: a mapping, or JSON text.

        Raises
        ------
        RuleError
            One sentence that names the rule, the field, what it is and what it may be.

        Examples
        --------
        >>> rule = AlertRule.from_document({"symbol": "AAPL", "name": "AAPL over 180",
        ...     "conditions": [{"type": "price", "operator": ">", "value": 180}]})
        >>> rule.symbols
        ('AAPL',)
        """
        values = _read_json(document) if isinstance(document, str) else document
        if not isinstance(values, Mapping):
            raise RuleError(f"An alert rule is an object with `conditions`; this is a {_kind(values)}.")
        try:
            rule = cls.model_validate(dict(values))
        except ValidationError as error:
            raise RuleError(_one_sentence(values, error)) from error
        if rule.name.strip():
            return rule
        joint = " and " if rule.match == "all" else " or "
        words = joint.join(describe(condition, rule) for condition in rule.conditions)
        return rule.model_copy(update={"name": words[:255]})

    def to_document(self) -> dict[str, Any]:
        """Return the document: what was given, with a name, in JSON's types."""
        document = self.model_dump(mode="json", exclude_unset=True)
        return {**document, "name": self.name}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every instrument that the conditions watch, in order."""
        watched = (
            condition.symbol or self.symbol
            for condition in self.conditions
            if isinstance(condition, _MarketCondition)
        )
        return tuple(dict.fromkeys(symbol for symbol in watched if symbol))

    @property
    def channels(self) -> tuple[str, ...]:
        """The rule's notification methods that can deliver; empty means the desk's own channels."""
        return tuple(dict.fromkeys(m for m in self.notification_methods or () if m in DELIVERABLE))


def describe(condition: Any, rule: AlertRule) -> str:
    """Say a condition in words: ``AAPL price > 180``."""
    if isinstance(condition, JobFailureCondition):
        return f"{condition.pipeline or 'any pipeline'} fails"
    operator = condition.operator.replace("_", " ")
    if isinstance(condition, BookCondition):
        return f"{MEASURES[condition.measure].label} {operator} {condition.value:,}"
    change = isinstance(condition, ChangeCondition)
    value = f"{condition.value * 100:+.6g} %" if change else f"{condition.value:,}"
    return f"{condition.symbol or rule.symbol} {condition.type} {operator} {value}"


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise RuleError("The rule's JSON is nested too deeply to be one; give an object.") from None
    except ValueError as error:
        raise RuleError(f"The rule is not JSON: {error}. Mend it and try again.") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"`{double}` stands twice in one object")
    return document


def _kind(value: Any) -> str:
    names = {list: "list", tuple: "list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_sentence(document: Mapping[str, Any], error: ValidationError) -> str:
    """Turn the first complaint into a sentence in the document's own terms."""
    complaints = error.errors(include_url=False)
    # A misspelt field is both unknown and missing; its own name says more.
    first = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
    named = document.get("name")
    rule = f"Rule {_shown(named)}" if isinstance(named, str) and named else "The rule"
    place = _place(first["loc"])
    kind, given, context = first["type"], first["input"], first.get("ctx", {})
    if kind == "missing":
        return f"{rule} has no `{place}`; add it (docs/alerts.md lists the fields)."
    if kind == "extra_forbidden":
        return f"{rule} has a field `{place}` that no rule knows{_nearest(place)}."
    if kind == "value_error":
        return f"{rule}: {f'`{place}` ' if place else ''}{context['error']}."
    if kind.startswith("union_tag"):
        word = given.get("type") if isinstance(given, Mapping) else given
        return f"{rule}: `{place}` is of type {_shown(word)}; give one of {', '.join(CONDITION_TYPES)}."
    remedy = context.get("expected") if kind == "literal_error" else _REMEDIES.get(kind)
    wrong = "is empty" if kind in ("too_short", "string_too_short") else f"is {_shown(given)}"
    return f"{rule}: `{place}` {wrong}; give {remedy or 'another value: ' + first['msg'].lower()}."


def _place(path: tuple[int | str, ...]) -> str:
    """Write a path as the document's writer knows it: ``conditions[0].operator``."""
    place = ""
    for before, part in zip((None, *path), path, strict=False):
        # The kind of a condition follows its number in the path, and a branch of a union its field;
        # neither is a field of the document.
        tag = isinstance(before, int) and part in CONDITION_TYPES
        if tag or part in ("int", "float", "str", "constrained-int", "constrained-float"):
            continue
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def _nearest(place: str) -> str:
    fields = [*AlertRule.model_fields, "type", "operator", "value", "measure", "pipeline"]
    near = get_close_matches(place.rpartition(".")[2], fields, n=1)
    return f"; perhaps `{near[0]}` was meant" if near else "; remove it"
