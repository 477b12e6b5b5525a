"""What one headline says: words, phrases, movements of things that are good or bad, and what turns them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.signals import sentiment_words as words
from workbench.signals.sentiment_phrases import EXTREMES, PHRASES

if TYPE_CHECKING:
    from workbench.signals.sentiment_tokens import Tokens

# How far a negation reaches, in words.
NEGATION_REACH = 3
_INTENSIFIER_REACH = 2
_NOUN_REACH = 4
_PAIR_REACH = 5
_NEGATED = -0.7
_CONCEDED = 0.35
_CAUSE = 0.5
_BEFORE_BUT = 0.5
_QUESTION = 0.15
_MODAL = 0.7
_SHOUTED = 1.1
_MARKET_VERDICT = 1.5
_COMPARED_WEIGHT = 2.0

_LONGEST_PHRASE = max(len(phrase.split()) for phrase in PHRASES)
_PHRASES = {tuple(phrase.split()): weight for phrase, weight in PHRASES.items()}
_PHRASE_STARTS = frozenset(phrase[0] for phrase in _PHRASES)
# Words that act on a target, and the weight of the two together: "tops Wall Street targets".
_PAIRS: tuple[tuple[frozenset[str], frozenset[str], float], ...] = (
    # Raising money is no raise of anything that is good in itself.
    (frozenset(("raise",)), words.MONEY, 0.0),
    (frozenset(("record",)), words.GOOD_TO_RISE, 1.6),
    (frozenset(("hit", "hurt", "dent", "harm")), words.GOOD_TO_RISE - words.SHARES, -1.4),
    (frozenset(("avoid",)), words.SHARES, -1.2),
    (words.BEATING, words.TARGETS, 2.3),
    (words.MISSING, words.TARGETS, -2.3),
    (frozenset(("meet",)), words.TARGETS, 0.15),
    (frozenset(("raise", "lift", "hike", "boost", "increase")), words.PROMISES, 2.0),
    (frozenset(("cut", "lower", "slash", "trim", "reduce")), words.PROMISES, -2.2),
    (words.DROPPING, words.PROMISES, -2.2),
    (words.RETURNING, frozenset(("dividend", "buyback", "payout")), 1.5),
    (words.KEEPING, words.PROMISES | {"rating", "rate"}, 0.0),
    (frozenset(("cut", "shed", "slash", "eliminate", "reduce")), words.JOBS, -1.5),
    (frozenset(("add", "hire", "create")), words.JOBS, 0.8),
)
_ACTORS = frozenset().union(*(actors for actors, _, _ in _PAIRS))


class Evidence:
    """The weights found in one headline: their sum, and the sum of their sizes."""

    __slots__ = ("balance", "weight")

    def __init__(self) -> None:
        self.balance = 0.0
        self.weight = 0.0

    def add(self, value: float) -> None:
        """Count one finding."""
        self.balance += value
        self.weight += abs(value)


def evidence_in(tokens: Tokens, *, negation: bool = True, movements: bool = True) -> Evidence:
    """Return what a headline says.

    Parameters
    ----------
    tokens : Tokens
        From `sentiment_tokens.tokens_of`.
    negation : bool
        Whether negations count; without them this is a baseline.
    movements : bool
        Whether phrases and moves of things count; without them only single words do.
    """
    found = Evidence()
    taken = [False] * len(tokens.words)
    takers = (_phrases, _pairs, _movements) if movements else ()
    hits = [hit for take in takers for hit in take(tokens, taken)]
    hits += _words(tokens, taken, movements=movements)
    emphasis = _emphasis(tokens)
    for place, weight in hits:
        value = weight * emphasis[place] * _intensity(tokens, place, weight)
        if negation and _is_negated(tokens, place):
            value *= _NEGATED
        found.add(value)
    if negation:
        for place, word in enumerate(tokens.words):
            if word in words.FAILING and not taken[place]:
                found.add(-0.6 * emphasis[place])
    if movements and tokens.compared:
        found.add(_COMPARED_WEIGHT * tokens.compared)
    factor = _SHOUTED if tokens.is_shouted else 1.0
    if tokens.is_question:
        factor *= _QUESTION
    if any(word in words.MODALS for word in tokens.words):
        factor *= _MODAL
    found.balance *= factor
    found.weight *= factor
    return found


def _phrases(tokens: Tokens, taken: list[bool]) -> list[tuple[int, float]]:
    """Take the phrases, the longest first where two begin at one word."""
    hits: list[tuple[int, float]] = []
    place, count = 0, len(tokens.words)
    while place < count:
        length = 0
        if tokens.words[place] in _PHRASE_STARTS:
            for size in range(min(_LONGEST_PHRASE, count - place), 0, -1):
                weight = _PHRASES.get(tuple(tokens.words[place : place + size]))
                if weight is not None:
                    length = size
                    taken[place : place + size] = [True] * size
                    if weight and " ".join(tokens.words[place : place + size]) in EXTREMES:
                        weight *= _sign_of_subject(tokens, place)
                    hits.append((place, weight))
                    break
        place += length or 1
    return hits


def _sign_of_subject(tokens: Tokens, place: int) -> float:
    """Return -1 where what stands before is bad when it rises, as in "churn at record low"."""
    for other in range(place - 1, max(place - 2 - _NOUN_REACH, -1), -1):
        if tokens.words[other] in words.BAD_TO_RISE:
            return -1.0
        if tokens.words[other] in words.GOOD_TO_RISE:
            break
    return 1.0


def _pairs(tokens: Tokens, taken: list[bool]) -> list[tuple[int, float]]:
    """Take words together with the target that they act on, a few words behind in the same clause."""
    hits: list[tuple[int, float]] = []
    for place, word in enumerate(tokens.words):
        if taken[place] or word not in _ACTORS:
            continue
        for other in range(place + 1, min(place + 1 + _PAIR_REACH, len(taken))):
            if taken[other] or tokens.clauses[other] != tokens.clauses[place]:
                break
            noun = tokens.words[other]
            weight = next(
                (weight for actors, nouns, weight in _PAIRS if word in actors and noun in nouns), None
            )
            if weight is not None:
                taken[place] = taken[other] = True
                hits.append((place, weight))
                break
    return hits


def _movements(tokens: Tokens, taken: list[bool]) -> list[tuple[int, float]]:
    """Take rises and falls of things: good where profits rise or costs fall."""
    hits: list[tuple[int, float]] = []
    for place, word in enumerate(tokens.words):
        if word == "%" and tokens.percents[place] < 0:
            hits.append((place, -1.0))
        if taken[place]:
            continue
        rise, fall = words.RISING.get(word), words.FALLING.get(word)
        if rise is None and fall is None:
            continue
        strength = rise if rise is not None else -(fall or 0.0)
        noun = _moved(tokens, taken, place)
        size = _size(tokens, place)
        if noun is None:
            # "Cuts" of nothing named says little; "plunges" says all.
            alone = 0.35 if word in words.ACTING else 0.8 if abs(strength) > 1.5 else 0.5
            weight = strength * alone * size
        elif tokens.words[noun] in words.NEITHER:
            weight = 0.0
        else:
            name = tokens.words[noun]
            sign = -1.0 if name in words.BAD_TO_RISE else 1.0
            verdict = _MARKET_VERDICT if name in words.SHARES else 1.0
            weight = sign * strength * size * verdict
            taken[noun] = True
        taken[place] = True
        hits.append((place, weight))
    return hits


def _moved(tokens: Tokens, taken: list[bool], place: int) -> int | None:
    """Return where the thing stands that moves: behind an acting word, else before, else after "in"."""
    word = tokens.words[place]
    following = tokens.words[place + 1] if place + 1 < len(tokens.words) else ""
    ahead = range(place + 1, min(place + 1 + _NOUN_REACH, len(taken)))
    behind = range(place - 1, max(place - 1 - _NOUN_REACH, -1), -1)
    if following in ("in", "of"):
        return _noun_in(tokens, taken, ahead, place)
    if word not in words.ACTING:
        return _noun_in(tokens, taken, behind, place)
    nearest = _noun_in(tokens, taken, ahead, place)
    return nearest if nearest is not None else _noun_in(tokens, taken, behind, place)


def _noun_in(tokens: Tokens, taken: list[bool], places: range, origin: int) -> int | None:
    for place in places:
        if tokens.clauses[place] != tokens.clauses[origin]:
            return None
        name = tokens.words[place]
        if place > origin and name in words.EXPLAINING:
            return None
        if name == "net" and place + 1 < len(taken) and tokens.words[place + 1] in words.BAD_TO_RISE:
            continue
        if name in words.NEITHER:
            return place
        if not taken[place] and (name in words.GOOD_TO_RISE or name in words.BAD_TO_RISE):
            return place
    return None


def _size(tokens: Tokens, place: int) -> float:
    """Return what a percentage behind a move adds: 1 % is half a move, 5 % a whole one, 30 % two."""
    for other in range(place + 1, min(place + 4, len(tokens.words))):
        if tokens.words[other] == "%":
            percent = abs(tokens.percents[other])
            return min(0.5 + 0.5 * math.log1p(percent) / math.log1p(5.0), 2.0)
    return 1.0


def _words(tokens: Tokens, taken: list[bool], *, movements: bool) -> list[tuple[int, float]]:
    hits = []
    for place, word in enumerate(tokens.words):
        if taken[place]:
            continue
        weight = words.WORDS.get(word, words.EMOJI.get(word, 0.0))
        if not weight and not movements:
            weight = words.RISING.get(word, 0.0) - words.FALLING.get(word, 0.0)
        if weight:
            hits.append((place, weight))
    return hits


def _is_negated(tokens: Tokens, place: int) -> bool:
    """Tell whether a negation stands within three words before, in the same clause; two cancel out."""
    negations = 0
    for other in range(place - 1, max(place - 1 - NEGATION_REACH, -1), -1):
        if tokens.clauses[other] != tokens.clauses[place]:
            break
        word = tokens.words[other]
        negations += word in words.NEGATORS or word in words.FAILING
    return negations % 2 == 1


def _intensity(tokens: Tokens, place: int, weight: float) -> float:
    factor = 1.0
    for other in range(
        max(place - _INTENSIFIER_REACH, 0), min(place + 1 + _INTENSIFIER_REACH, len(tokens.words))
    ):
        if other != place and tokens.clauses[other] == tokens.clauses[place]:
            word = tokens.words[other]
            factor *= words.STRONGER.get(word, 1.0) * words.WEAKER.get(word, 1.0)
    return min(factor, 2.0)


def _emphasis(tokens: Tokens) -> list[float]:
    """Weigh what stands after "despite" less, and what stands before "but" too."""
    emphasis = [1.0] * len(tokens.words)
    for place, word in enumerate(tokens.words):
        if word in words.CONCEDING:
            clause = tokens.clauses[place]
            for other in range(place, len(emphasis)):
                if tokens.clauses[other] != clause:
                    break
                emphasis[other] = _CONCEDED
        elif word in words.BREAKS:
            # "Shares fall as costs rise": the cause says less than what came of it.
            clause = tokens.clauses[place]
            for other in range(place, len(emphasis)):
                if tokens.clauses[other] == clause:
                    emphasis[other] *= _CAUSE
        elif word in words.TURNING and place:
            emphasis[:place] = [value * _BEFORE_BUT for value in emphasis[:place]]
    return emphasis
