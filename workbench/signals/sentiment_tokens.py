"""Headlines as words in their base form, and the numbers beside them."""

import re
from dataclasses import dataclass, field

from workbench.signals.sentiment_phrases import PHRASES
from workbench.signals.sentiment_words import (
    ACTING,
    BAD_TO_RISE,
    BEATING,
    BREAKS,
    CONCEDING,
    DROPPING,
    EMOJI,
    EXPLAINING,
    FAILING,
    FALLING,
    GOOD_TO_RISE,
    JOBS,
    KEEPING,
    MISSING,
    MODALS,
    MONEY,
    NEGATORS,
    NEITHER,
    PROMISES,
    RETURNING,
    RISING,
    SHARES,
    STRONGER,
    TARGETS,
    TURNING,
    WEAKER,
    WORDS,
)

# A headline of more than this is none; the rest would only cost time.
LONGEST_TEXT = 2_000
_TOKEN = re.compile(
    r"[A-Za-z][A-Za-z&.']*[A-Za-z]|[A-Za-z]"
    r"|[+\-−–]?[$€£]?\d[\d,]*(?:\.\d+)?(?: ?%| ?(?:percent|per cent|pct)\b)?"
    rf"|[{''.join(EMOJI)}]|[?!;:,]|\s[-–—|]\s"
)
_NUMBER = re.compile(r"([+\-−–]?)[$€£]?(\d[\d,]*(?:\.\d+)?)(.*)", re.DOTALL)
_COMPARED = re.compile(
    r"([-($€£]{0,3}\d[\d,]*\.?\d*\)?)\s*(?:vs\.?|versus|against)\s*([-($€£]{0,3}\d[\d,]*\.?\d*\)?)"
    r"\s*(?:\w+\s+)?(?:est\b|estimate|expected|consensus|forecast)",
    re.IGNORECASE,
)
_FORMS = """rose:rise risen:rise fell:fall fallen:fall beaten:beat grew:grow grown:grow lost:lose
    losing:lose won:win sank:sink sunk:sink shrank:shrink shrunk:shrink sold:sell bought:buy paid:pay
    broke:break broken:break went:go gone:go goes:go got:get gotten:get led:lead hurt:hurt slid:slide
    sought:seek froze:freeze frozen:freeze withdrew:withdraw withdrawn:withdraw overcame:overcome
    threw:throw thrown:throw throws:throw came:come stepped:step lay:lay laid:lay lays:lay earned:earn
    dying:die died:die lying:lie lied:lie lies:lie wrecked:wreck better:better halves:halve halved:halve
    indices:index met:meet shed:shed upped:raise losses:loss was:is were:is be:is been:is are:is"""
_IRREGULAR = dict(pair.split(":") for pair in _FORMS.split())
_PHRASE_WORDS = frozenset(word for phrase in PHRASES for word in phrase.split())
VOCABULARY = frozenset().union(
    WORDS, RISING, FALLING, ACTING, GOOD_TO_RISE, BAD_TO_RISE, NEITHER, JOBS, TARGETS, PROMISES, BEATING,
    MISSING, KEEPING, DROPPING, RETURNING, NEGATORS, FAILING, STRONGER, WEAKER, MODALS, CONCEDING, TURNING,
    SHARES, EXPLAINING, MONEY, _PHRASE_WORDS,
)  # fmt: skip
_KNOWN: dict[str, str] = {}
_MOST_KNOWN = 50_000


@dataclass(slots=True)
class Tokens:
    """One headline: its words in base form, its clauses, its percentages."""

    words: list[str] = field(default_factory=list)
    clauses: list[int] = field(default_factory=list)
    percents: list[float] = field(default_factory=list)
    is_question: bool = False
    is_shouted: bool = False
    compared: float = 0.0


def base_form(word: str) -> str:
    """Return the base form of a word that the lists have, else the word in lower case.

    Examples
    --------
    >>> [base_form(word) for word in ("Beats", "slashing", "plummeted", "Shares'", "isn't")]
    ['beat', 'slash', 'plummet', 'share', 'isnt']
    """
    found = _KNOWN.get(word)
    if found is None:
        found = _look_up(word.lower())
        if len(_KNOWN) < _MOST_KNOWN:
            _KNOWN[word] = found
    return found


def tokens_of(text: str) -> Tokens:
    """Return a headline as words; a comma, colon, semicolon or dash begins a new clause."""
    text = text[:LONGEST_TEXT].replace("’", "'").replace("‘", "'")
    found = Tokens(is_question="?" in text, is_shouted="!" in text)
    clause = 0
    for token in _TOKEN.findall(text.replace("n't", "nt").replace("N'T", "NT")):
        first = token[0]
        if first.isalpha():
            word = base_form(token)
            clause += word in BREAKS
            found.words.append(word)
            found.percents.append(0.0)
            found.clauses.append(clause)
        elif first in EMOJI:
            found.words.append(first)
            found.percents.append(0.0)
            found.clauses.append(clause)
        elif first in "?!;:," or first.isspace():
            clause += 1
        else:
            percent = _percent(token)
            if percent is None:
                found.words.append(token.lstrip("$€£"))
                found.percents.append(0.0)
            else:
                found.words.append("%")
                found.percents.append(percent)
            found.clauses.append(clause)
    found.compared = _compared(text)
    return found


def _look_up(word: str) -> str:
    word = word.strip(".").removesuffix("'s").rstrip("'").replace("'", "")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in VOCABULARY:
        return word
    for ending, others in (
        ("ies", ("y", "ie")),
        ("es", ("", "e")),
        ("s", ("",)),
        ("ied", ("y",)),
        ("ed", ("", "e")),
        ("ing", ("", "e")),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word[: -len(ending)]
            candidates = [stem + other for other in others]
            if len(stem) > 2 and stem[-1] == stem[-2]:
                candidates.append(stem[:-1])
            for candidate in candidates:
                if candidate in VOCABULARY:
                    return candidate
    return word


def _percent(token: str) -> float | None:
    """Return a percentage with its sign (0 tells that it has none), or None where it is another number."""
    sign, digits, rest = _NUMBER.fullmatch(token).groups()  # type: ignore[union-attr]
    if not rest.strip():
        return None
    value = float(digits.replace(",", ""))
    return -value if sign in ("-", "−", "–") and sign else value


def _compared(text: str) -> float:
    """Return 1 where a figure stands above what it is compared with, -1 below; 0 without such a pair."""
    total = 0.0
    for ours, expected in _COMPARED.findall(text):
        left, right = _amount(ours), _amount(expected)
        if left is not None and right is not None:
            total += (left > right) - (left < right)
    return total


def _amount(text: str) -> float | None:
    is_negative = "-" in text or "(" in text
    digits = re.sub(r"[^\d.]", "", text)
    try:
        return -float(digits) if is_negative else float(digits)
    except ValueError:
        return None
