"""The tone of headlines and posts: a score from -1 to 1, how sure it is, and who gave it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray
from workbench.errors import ArgumentError
from workbench.signals.sentiment_rules import evidence_in
from workbench.signals.sentiment_tokens import tokens_of

LEXICON_VERSION = "2"
# Scores nearer to zero than this are called neutral.
NEUTRAL_WITHIN = 0.2
LABELS = ("negative", "neutral", "positive")
# A sum of weights of this size gives a score of 0.7.
_SOFTENING = 2.0
_WEIGHT_OF_CERTAINTY = 1.5


@dataclass(frozen=True, slots=True)
class Scores:
    """What a scorer says of a list of texts.

    Attributes
    ----------
    score : ndarray
        From -1 (bad for the share) to 1 (good); NaN where there is no text.
    confidence : ndarray
        From 0 (nothing found that speaks either way) to 1.
    scorer : str
        Who gave them, with its version, as in ``"lexicon/1"``.
    """

    score: FloatArray
    confidence: FloatArray
    scorer: str

    @property
    def labels(self) -> list[str]:
        """The scores in words: negative, neutral, positive."""
        return sentiment_labels(self.score)

    def to_frame(self) -> pd.DataFrame:
        """Return score, confidence, label and scorer, one row a text."""
        return pd.DataFrame(
            {
                "score": self.score,
                "confidence": self.confidence,
                "label": pd.array(self.labels, dtype="str"),
                "scorer": self.scorer,
            }
        )


@runtime_checkable
class SentimentScorer(Protocol):
    """Whatever can tell the tone of texts."""

    @property
    def scorer(self) -> str:
        """Name and version, kept beside every score."""
        ...

    def score(self, texts: Sequence[str | None]) -> Scores:
        """Return the scores of `texts`, in their order."""
        ...


class LexiconScorer:
    """Scores by the words of financial headlines; no download, same text same score.

    Parameters
    ----------
    negation : bool
        Whether "not", "fails to", "no" and their like turn what follows within three words. Without it
        the scorer is a baseline.
    movements : bool
        Whether phrases and moves of things ("costs fall") count. Without it single words alone do.
    """

    def __init__(self, *, negation: bool = True, movements: bool = True) -> None:
        self._negation = negation
        self._movements = movements

    @property
    def scorer(self) -> str:
        """Name and version, kept beside every score."""
        left_out = ("" if self._negation else "-no-negation") + ("" if self._movements else "-words-only")
        return f"lexicon{left_out}/{LEXICON_VERSION}"

    def score(self, texts: Sequence[str | None]) -> Scores:
        """Return the scores of `texts`, in their order; without text NaN, with confidence 0."""
        score = np.full(len(texts), np.nan)
        confidence = np.zeros(len(texts))
        for place, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                continue
            found = evidence_in(tokens_of(text), negation=self._negation, movements=self._movements)
            score[place] = found.balance / np.hypot(found.balance, _SOFTENING)
            if found.weight:
                agreement = abs(found.balance) / found.weight
                confidence[place] = agreement * -np.expm1(-found.weight / _WEIGHT_OF_CERTAINTY)
        return Scores(score, confidence, self.scorer)


def sentiment_labels(score: Sequence[float] | FloatArray, *, within: float = NEUTRAL_WITHIN) -> list[str]:
    """Return scores in words: neutral nearer to zero than `within`; a missing score is neutral.

    Examples
    --------
    >>> sentiment_labels([0.8, 0.1, -0.5])
    ['positive', 'neutral', 'negative']
    """
    if not 0 <= within < 1:
        raise ArgumentError(f"`within` is {within:g}; give zero or more, below 1.")
    values = np.nan_to_num(np.asarray(score, dtype=np.float64))
    return [LABELS[int(sign) + 1] for sign in np.sign(values) * (np.abs(values) >= within)]


def aggregate_sentiment(
    frame: pd.DataFrame, *, by: str = "symbol", smallest: int = 5, k: int = 10, within: float = NEUTRAL_WITHIN
) -> pd.DataFrame:
    """Return the balance of many texts: (bullish - bearish) / max(their number, k).

    Parameters
    ----------
    frame : DataFrame
        `score` and the column `by`; `author`, where it is known.
    by : str
        What rows are grouped by.
    smallest : int
        With fewer texts than this that speak either way there is no balance: NaN, and a reason.
    k : int
        Few texts are not let to reach 1: their number counts as at least this.
    within : float
        Scores nearer to zero speak neither way.

    Returns
    -------
    DataFrame, indexed by `by`
        `balance` from -1 to 1, `texts`, `bullish`, `bearish`, `neutral`, `authors` (different ones;
        texts without an author count as one together), `mean_score`, `reason` (empty where there is a
        balance).

    Raises
    ------
    ArgumentError
        If a number is not positive or a column is missing.

    Examples
    --------
    >>> posts = pd.DataFrame({"symbol": "AAPL", "score": [0.9] * 8 + [-0.9] * 2})
    >>> float(aggregate_sentiment(posts)["balance"].iloc[0])
    0.6
    """
    if smallest < 1 or k < 1:
        raise ArgumentError(f"`smallest` is {smallest} and `k` is {k}; give whole numbers from 1.")
    absent = [name for name in (by, "score") if name not in frame]
    if absent:
        raise ArgumentError(f"The frame has no column {absent[0]!r}; it has {', '.join(map(str, frame))}.")
    told = frame[frame["score"].notna()]
    labels = pd.Series(sentiment_labels(told["score"].to_numpy(), within=within), index=told.index)
    groups = told.groupby(by, sort=True)
    authors = (told["author"] if "author" in told else pd.Series("", index=told.index)).fillna("")
    counts = pd.DataFrame(
        {
            "texts": groups.size(),
            "bullish": labels.eq("positive").groupby(told[by]).sum(),
            "bearish": labels.eq("negative").groupby(told[by]).sum(),
            "neutral": labels.eq("neutral").groupby(told[by]).sum(),
            "authors": authors.groupby(told[by]).nunique(),
            "mean_score": groups["score"].mean(),
        }
    ).astype(dict.fromkeys(("texts", "bullish", "bearish", "neutral", "authors"), "int64"))
    speaking = counts["bullish"] + counts["bearish"]
    enough = speaking >= smallest
    balance: Any = (counts["bullish"] - counts["bearish"]) / speaking.clip(lower=k)
    counts.insert(0, "balance", balance.where(enough).astype("float64"))
    few = speaking.map(lambda number: f"{number} texts speak either way; {smallest} are needed")
    counts["reason"] = few.where(~enough, "").astype("str")
    return counts
