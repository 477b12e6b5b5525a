"""Who tells the tone of news on a desk, and what happens where a model is not there."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

import pandas as pd

from workbench.errors import ArgumentError, NotConnectedError
from workbench.providers.finbert import LABEL, FinbertModel
from workbench.signals.sentiment import LexiconScorer, Scores, SentimentScorer

SCORERS = ("lexicon", "finbert", "source")


class FinbertScorer:
    """A FinBERT model of this machine, in the one shape of scorers."""

    def __init__(self, model: FinbertModel) -> None:
        self._model = model

    @classmethod
    def of(cls, folder: Path | None) -> Self:
        """Return the model of a folder.

        Raises
        ------
        NotConnectedError
            If there is none.
        """
        if folder is None:
            raise NotConnectedError(
                f"{LABEL} is not here; name the folder of a model in the setting `news.finbert_path`.",
                service=LABEL,
            )
        return cls(_loaded(folder))

    @property
    def scorer(self) -> str:
        """Name and version, kept beside every score."""
        return self._model.scorer

    def score(self, texts: Sequence[str | None]) -> Scores:
        """Return p(positive) - p(negative) of each text, and the probability of its likeliest label."""
        score, confidence = self._model.score(texts)
        return Scores(score, confidence, self.scorer)


def tone_of(
    stories: pd.DataFrame, scorer: str | SentimentScorer, *, finbert: Path | None
) -> tuple[pd.DataFrame, str]:
    """Return stories with `score`, `confidence` and `scorer`, and what must be said beside them.

    Parameters
    ----------
    stories : DataFrame
        `headline`, and `sentiment` and `scorer` of the source.
    scorer : {"lexicon", "finbert", "source"} or SentimentScorer
        Who tells the tone.
    finbert : Path or None
        Folder of the model, if there is one.

    Raises
    ------
    ArgumentError
        If there is no such scorer.
    """
    if scorer == "source":
        told = stories.assign(score=stories["sentiment"], confidence=stories["sentiment"].abs())
        return told, "the tone is the source's own; texts without one are not counted"
    chosen, note = _or_lexicon(finbert) if scorer == "finbert" else (scorer_of(scorer), "")
    scores = chosen.score(stories["headline"].tolist())
    frame = stories.assign(score=scores.score, confidence=scores.confidence, scorer=scores.scorer)
    return frame, note


def scorer_of(scorer: str | SentimentScorer) -> SentimentScorer:
    """Return a scorer that needs no model, or the one that is given."""
    if not isinstance(scorer, str):
        return scorer
    if scorer != "lexicon":
        raise ArgumentError(
            f"`scorer` is {scorer!r}; give one of {', '.join(map(repr, SCORERS))}, or a scorer of your own."
        )
    return LexiconScorer()


def _or_lexicon(folder: Path | None) -> tuple[SentimentScorer, str]:
    """Return FinBERT; without its model the lexicon, and what must be said of it."""
    try:
        return FinbertScorer.of(folder), ""
    except NotConnectedError as error:
        return LexiconScorer(), f"{error} The lexicon told the tone"


@lru_cache(maxsize=2)
def _loaded(folder: Path) -> FinbertModel:
    # Weights of 400 MB are read once a process.
    return FinbertModel(folder)
