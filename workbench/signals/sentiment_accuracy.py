"""How often scorers are right on headlines that people labelled."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.signals import labelled_tuning, labelled_unseen
from workbench.signals.sentiment import LABELS, NEUTRAL_WITHIN, Scores, SentimentScorer, sentiment_labels


def labelled_headlines(part: Literal["all", "tuning", "unseen"] = "all") -> pd.DataFrame:
    """Return headlines of our own with the label that we gave them; companies are invented.

    Parameters
    ----------
    part : {"all", "tuning", "unseen"}
        Those on which the lexicon was tuned, those on which it was not, or both.

    Returns
    -------
    DataFrame
        `headline`, `label` (negative, neutral, positive: as many of each), `part`.
    """
    parts = {"tuning": labelled_tuning, "unseen": labelled_unseen}
    if part != "all" and part not in parts:
        raise ArgumentError(f"`part` is {part!r}; give 'all', 'tuning' or 'unseen'.")
    rows = [
        (headline, label, name)
        for name, module in parts.items()
        if part in ("all", name)
        for label, lines in (
            ("negative", module.NEGATIVE),
            ("neutral", module.NEUTRAL),
            ("positive", module.POSITIVE),
        )
        for headline in lines.splitlines()
    ]
    return pd.DataFrame(rows, columns=["headline", "label", "part"], dtype="str")


class AlwaysNeutral:
    """The simplest scorer of all, to compare with: every text is neutral."""

    scorer = "always neutral"

    def score(self, texts: Sequence[str | None]) -> Scores:
        """Return zero for every text."""
        return Scores(np.zeros(len(texts)), np.zeros(len(texts)), self.scorer)


def sentiment_accuracy(
    scorers: Mapping[str, SentimentScorer] | Sequence[SentimentScorer],
    labelled: pd.DataFrame,
    *,
    within: float = NEUTRAL_WITHIN,
) -> pd.DataFrame:
    """Return how often each scorer finds the label.

    Parameters
    ----------
    scorers : sequence or mapping of SentimentScorer
        A mapping gives them names of your own.
    labelled : DataFrame
        `headline` and `label`.
    within : float
        Scores nearer to zero count as neutral.

    Returns
    -------
    DataFrame, one row a scorer
        `headlines`, `accuracy` (share of labels found), `negative`, `neutral`, `positive` (share found of
        each class), `wrong_sign` (share of all called the opposite), all as fractions.
    """
    named = scorers if isinstance(scorers, Mapping) else {each.scorer: each for each in scorers}
    texts, labels = labelled["headline"].tolist(), labelled["label"].to_numpy()
    if not texts or not set(labels) <= set(LABELS):
        raise ArgumentError("`labelled` needs rows with a `label` of negative, neutral or positive.")
    opposite = {"negative": "positive", "positive": "negative", "neutral": ""}
    rows = {}
    for title, scorer in named.items():
        found = np.array(sentiment_labels(scorer.score(texts).score, within=within))
        right = found == labels
        rows[title] = {
            "headlines": len(texts),
            "accuracy": right.mean(),
            **{
                label: right[labels == label].mean() if (labels == label).any() else np.nan
                for label in LABELS
            },
            "wrong_sign": (found == np.array([opposite[label] for label in labels])).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scorer").astype({"headlines": "int64"})
