"""The named structures of the trade as data: which options, how many, and where their strikes stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Right = Literal["C", "P"]
Term = Literal["near", "far"]


@dataclass(frozen=True, slots=True)
class StrikeRule:
    """Where one strike of a structure stands when it is not given.

    Attributes
    ----------
    right : {"C", "P"}
        Whose delta is meant.
    delta : float or None
        Absolute delta looked for; None: at the money, the strike nearest to spot.
    anchor : int or None
        Position of the strike that this one stands `widths` widths from; `delta` then counts for nothing.
    widths : float
        Widths above (below if negative) the anchor.
    fixed : bool
        The delta stays when another one is asked for.
    """

    right: Right
    delta: float | None = None
    anchor: int | None = None
    widths: float = 0.0
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class LegRole:
    """One leg: `ratio` lots of an option at a strike of the structure, or of the shares behind a lot.

    Attributes
    ----------
    kind : {"call", "put", "share"}
        What is traded.
    ratio : int
        Lots for each lot of the structure; sold is negative.
    strike : int
        Position among the structure's strikes, ascending; -1 for shares.
    term : {"near", "far"}
        Which of the two expiries.
    """

    kind: Literal["call", "put", "share"]
    ratio: int
    strike: int = -1
    term: Term = "near"

    @property
    def role(self) -> str:
        """The leg in words, as in ``short put`` or ``long far call``."""
        side = "long" if self.ratio > 0 else "short"
        return " ".join([side, "far", self.kind] if self.term == "far" else [side, self.kind])


@dataclass(frozen=True, slots=True)
class Structure:
    """A named structure.

    Attributes
    ----------
    name, title, description : str
        Key of `STRUCTURES`; what to call it; what it is in one line.
    strikes : tuple of StrikeRule
        Ascending in strike.
    legs : tuple of LegRole
        Ascending in strike, shares first.
    """

    name: str
    title: str
    description: str
    strikes: tuple[StrikeRule, ...]
    legs: tuple[LegRole, ...]

    @property
    def has_far(self) -> bool:
        """Whether it trades a second, later expiry."""
        return any(leg.term == "far" for leg in self.legs)

    @property
    def has_width(self) -> bool:
        """Whether a width places one of its strikes."""
        return any(rule.anchor is not None for rule in self.strikes)


def _at(right: Right, delta: float | None = None, *, fixed: bool = False) -> StrikeRule:
    return StrikeRule(right, delta, fixed=fixed)


def _from(anchor: int, widths: float, right: Right) -> StrikeRule:
    return StrikeRule(right, anchor=anchor, widths=widths)


def _call(ratio: int, strike: int = 0, term: Term = "near") -> LegRole:
    return LegRole("call", ratio, strike, term)


def _put(ratio: int, strike: int = 0, term: Term = "near") -> LegRole:
    return LegRole("put", ratio, strike, term)


_SHARES, _SHARES_SOLD = LegRole("share", 1), LegRole("share", -1)
_MONEY_CALL, _MONEY_PUT = _at("C"), _at("P")
_WINGED = (_from(1, -1, "P"), _MONEY_CALL, _from(1, 1, "C"))
_CONDOR = (_from(1, -1, "P"), _at("P", 0.16), _at("C", 0.16), _from(2, 1, "C"))

_ALL = (
    Structure("long_call", "Long call", "One call bought: gains as the price rises, loses its cost at most.",
              (_at("C", 0.50),), (_call(1),)),
    Structure("short_call", "Short call", "One call sold without cover: keeps its price below the strike.",
              (_at("C", 0.30),), (_call(-1),)),
    Structure("long_put", "Long put", "One put bought: gains as the price falls, loses its cost at most.",
              (_at("P", 0.50),), (_put(1),)),
    Structure("short_put", "Short put", "One put sold: keeps its price above the strike.",
              (_at("P", 0.30),), (_put(-1),)),
    Structure("bull_call_spread", "Bull call spread", "A call bought, a higher one sold, for a debit.",
              (_at("C", 0.50), _from(0, 1, "C")), (_call(1), _call(-1, 1))),
    Structure("bear_call_spread", "Bear call spread", "A call sold, a higher one bought, for a credit.",
              (_at("C", 0.30), _from(0, 1, "C")), (_call(-1), _call(1, 1))),
    Structure("bull_put_spread", "Bull put spread", "A put sold, a lower one bought, for a credit.",
              (_from(1, -1, "P"), _at("P", 0.30)), (_put(1), _put(-1, 1))),
    Structure("bear_put_spread", "Bear put spread", "A put bought, a lower one sold, for a debit.",
              (_from(1, -1, "P"), _at("P", 0.50)), (_put(-1), _put(1, 1))),
    Structure("long_straddle", "Long straddle", "Call and put of one strike bought: gains from a large move.",
              (_MONEY_CALL,), (_put(1), _call(1))),
    Structure("short_straddle", "Short straddle", "Call and put of one strike sold: gains if little moves.",
              (_MONEY_CALL,), (_put(-1), _call(-1))),
    Structure("long_strangle", "Long strangle", "A put below and a call above bought.",
              (_at("P", 0.25), _at("C", 0.25)), (_put(1), _call(1, 1))),
    Structure("short_strangle", "Short strangle", "A put below and a call above sold.",
              (_at("P", 0.16), _at("C", 0.16)), (_put(-1), _call(-1, 1))),
    Structure("strap", "Strap", "Two calls and a put of one strike bought: a move, more likely up.",
              (_MONEY_CALL,), (_put(1), _call(2))),
    Structure("strip", "Strip", "A call and two puts of one strike bought: a move, more likely down.",
              (_MONEY_CALL,), (_put(2), _call(1))),
    Structure("iron_condor", "Iron condor", "Put spread and call spread sold around the price.",
              _CONDOR, (_put(1), _put(-1, 1), _call(-1, 2), _call(1, 3))),
    Structure("reverse_iron_condor", "Reverse iron condor",
              "Put spread and call spread bought around the price.",
              _CONDOR, (_put(-1), _put(1, 1), _call(1, 2), _call(-1, 3))),
    Structure("iron_butterfly", "Iron butterfly", "Straddle sold, wings bought to bound the loss.",
              _WINGED, (_put(1), _put(-1, 1), _call(-1, 1), _call(1, 2))),
    Structure("reverse_iron_butterfly", "Reverse iron butterfly",
              "Straddle bought, wings sold to pay for it.",
              _WINGED, (_put(-1), _put(1, 1), _call(1, 1), _call(-1, 2))),
    Structure("call_butterfly", "Call butterfly", "One call below and one above bought, two between sold.",
              (_from(1, -1, "C"), _MONEY_CALL, _from(1, 1, "C")), (_call(1), _call(-2, 1), _call(1, 2))),
    Structure("put_butterfly", "Put butterfly", "One put below and one above bought, two between sold.",
              (_from(1, -1, "P"), _MONEY_PUT, _from(1, 1, "P")), (_put(1), _put(-2, 1), _put(1, 2))),
    Structure("broken_wing_call_butterfly", "Broken-wing call butterfly",
              "Call butterfly whose upper wing stands twice as far: cheaper, with risk above.",
              (_from(1, -1, "C"), _at("C", 0.30), _from(1, 2, "C")), (_call(1), _call(-2, 1), _call(1, 2))),
    Structure("broken_wing_put_butterfly", "Broken-wing put butterfly",
              "Put butterfly whose lower wing stands twice as far: cheaper, with risk below.",
              (_from(1, -2, "P"), _at("P", 0.30), _from(1, 1, "P")), (_put(1), _put(-2, 1), _put(1, 2))),
    Structure("call_condor", "Call condor", "Four calls a width apart: the outer bought, the inner sold.",
              (_from(1, -1, "C"), _at("C", 0.55), _from(1, 1, "C"), _from(1, 2, "C")),
              (_call(1), _call(-1, 1), _call(-1, 2), _call(1, 3))),
    Structure("put_condor", "Put condor", "Four puts a width apart: the outer bought, the inner sold.",
              (_from(2, -2, "P"), _from(2, -1, "P"), _at("P", 0.55), _from(2, 1, "P")),
              (_put(1), _put(-1, 1), _put(-1, 2), _put(1, 3))),
    Structure("call_calendar", "Call calendar", "A near call sold, the same strike bought later.",
              (_MONEY_CALL,), (_call(-1), _call(1, 0, "far"))),
    Structure("put_calendar", "Put calendar", "A near put sold, the same strike bought later.",
              (_MONEY_PUT,), (_put(-1), _put(1, 0, "far"))),
    Structure("double_calendar", "Double calendar",
              "A put calendar below the price and a call calendar above.",
              (_at("P", 0.30), _at("C", 0.30)),
              (_put(-1), _put(1, 0, "far"), _call(-1, 1), _call(1, 1, "far"))),
    Structure("call_diagonal", "Call diagonal", "A near call sold, a lower one bought later.",
              (_from(1, -1, "C"), _at("C", 0.30)), (_call(1, 0, "far"), _call(-1, 1))),
    Structure("put_diagonal", "Put diagonal", "A near put sold, a higher one bought later.",
              (_at("P", 0.30), _from(0, 1, "P")), (_put(-1), _put(1, 1, "far"))),
    Structure("poor_mans_covered_call", "Poor man's covered call",
              "A near call sold against a later call deep in the money instead of shares.",
              (_at("C", 0.80, fixed=True), _at("C", 0.30)), (_call(1, 0, "far"), _call(-1, 1))),
    Structure("call_ratio_spread", "Call ratio spread",
              "A call bought, two higher ones sold: uncovered above.",
              (_MONEY_CALL, _from(0, 1, "C")), (_call(1), _call(-2, 1))),
    Structure("put_ratio_spread", "Put ratio spread", "A put bought, two lower ones sold.",
              (_from(1, -1, "P"), _MONEY_PUT), (_put(-2), _put(1, 1))),
    Structure("call_back_spread", "Call back spread",
              "A call sold, two higher ones bought: gains from a surge.",
              (_MONEY_CALL, _from(0, 1, "C")), (_call(-1), _call(2, 1))),
    Structure("put_back_spread", "Put back spread", "A put sold, two lower ones bought: gains from a slump.",
              (_from(1, -1, "P"), _MONEY_PUT), (_put(2), _put(-1, 1))),
    Structure("jade_lizard", "Jade lizard",
              "A put and a call spread sold: no loss above if the credit exceeds the spread's width.",
              (_at("P", 0.25), _at("C", 0.25), _from(1, 1, "C")), (_put(-1), _call(-1, 1), _call(1, 2))),
    Structure("reverse_jade_lizard", "Reverse jade lizard",
              "A call and a put spread sold: no loss below if the credit exceeds the spread's width.",
              (_from(1, -1, "P"), _at("P", 0.25), _at("C", 0.25)), (_put(1), _put(-1, 1), _call(-1, 2))),
    Structure("covered_call", "Covered call", "Shares held, a call sold on them.",
              (_at("C", 0.30),), (_SHARES, _call(-1))),
    Structure("covered_strangle", "Covered strangle", "Shares held, a call above and a put below sold.",
              (_at("P", 0.25), _at("C", 0.25)), (_SHARES, _put(-1), _call(-1, 1))),
    Structure("cash_secured_put", "Cash-secured put",
              "A put sold with the cash to buy the shares at its strike.",
              (_at("P", 0.30),), (_put(-1),)),
    Structure("protective_put", "Protective put", "Shares held, a put bought as a floor.",
              (_at("P", 0.25),), (_SHARES, _put(1))),
    Structure("collar", "Collar", "Shares held, a put bought as a floor, a call sold as a ceiling.",
              (_at("P", 0.25), _at("C", 0.25)), (_SHARES, _put(1), _call(-1, 1))),
    Structure("risk_reversal", "Risk reversal", "A put below sold, a call above bought.",
              (_at("P", 0.25), _at("C", 0.25)), (_put(-1), _call(1, 1))),
    Structure("synthetic_long", "Synthetic long",
              "A call bought and the put of its strike sold: as good as shares.",
              (_MONEY_CALL,), (_put(-1), _call(1))),
    Structure("synthetic_short", "Synthetic short", "A call sold and the put of its strike bought.",
              (_MONEY_CALL,), (_put(1), _call(-1))),
    Structure("conversion", "Conversion",
              "Shares held, the synthetic short sold against them: a fixed outcome.",
              (_MONEY_CALL,), (_SHARES, _put(1), _call(-1))),
    Structure("reversal", "Reversal", "Shares sold, the synthetic long bought against them: a fixed outcome.",
              (_MONEY_CALL,), (_SHARES_SOLD, _put(-1), _call(1))),
    Structure("box", "Box", "A bull call spread and a bear put spread of the same strikes: pays the width.",
              (_MONEY_CALL, _from(0, 1, "C")), (_put(-1), _call(1), _put(1, 1), _call(-1, 1))),
)  # fmt: skip

# Every structure by name; `description` is one line each.
STRUCTURES: Mapping[str, Structure] = MappingProxyType({structure.name: structure for structure in _ALL})
