"""FinBERT, or another classifier of three tones, from a folder of this machine; nothing is downloaded."""

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from workbench.arrays import FloatArray
from workbench.errors import ArgumentError, NotConnectedError

LABEL = "FinBERT"
LONGEST_TOKENS = 512
_NEEDED = ("config.json",)
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_VOCABULARY = ("vocab.txt", "tokenizer.json")


class FinbertModel:
    """A sequence classifier whose labels are positive, negative and neutral, in whatever order it has them.

    Parameters
    ----------
    folder : path-like
        Holds config.json, the weights and the vocabulary, as `save_pretrained` writes them.
    batch : int
        Texts that are scored at once.

    Raises
    ------
    NotConnectedError
        If the folder holds no model, or `transformers` and `torch` are not installed: a state, with what
        to do.
    ArgumentError
        If the model's labels are not the three.
    """

    def __init__(self, folder: str | os.PathLike[str], *, batch: int = 32) -> None:
        place = Path(folder).expanduser()
        require_model(place)
        # Set before the import: the library reads it then, and would look for updates of the model.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise NotConnectedError(
                f"{LABEL} needs the packages transformers and torch; install the extra `finbert`.",
                service=LABEL,
            ) from error
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
            self._model = AutoModelForSequenceClassification.from_pretrained(place, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise NotConnectedError(
                f"{LABEL} in {place.name} cannot be read: {str(error).splitlines()[0][:200]}", service=LABEL
            ) from error
        self._torch = torch
        self._model.eval()
        self._places = places_of_labels(self._model.config.id2label)
        self._batch = batch
        # The weights themselves say which model gave a score; two folders may share a name.
        self.scorer = f"finbert/{fingerprint(place)}"

    def score(self, texts: Sequence[str | None]) -> tuple[FloatArray, FloatArray]:
        """Return p(positive) - p(negative) and the probability of the likeliest label, one a text.

        A missing text has no score (NaN) and confidence 0. Texts are cut at 512 tokens.
        """
        score, confidence = np.full(len(texts), np.nan), np.zeros(len(texts))
        given = [place for place, text in enumerate(texts) if isinstance(text, str) and text.strip()]
        # Texts of like length share a batch, so that little of it is padding.
        given.sort(key=lambda place: len(str(texts[place])))
        for first in range(0, len(given), self._batch):
            places = given[first : first + self._batch]
            odds = self._probabilities([str(texts[place]) for place in places])
            score[places] = odds[:, self._places["positive"]] - odds[:, self._places["negative"]]
            confidence[places] = odds.max(axis=1)
        return score, confidence

    def _probabilities(self, texts: list[str]) -> FloatArray:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=LONGEST_TOKENS, return_tensors="pt"
        )
        with self._torch.inference_mode():
            odds = self._torch.softmax(self._model(**tokens).logits.double(), dim=-1)
        return np.asarray(odds.tolist(), dtype=np.float64).reshape(len(texts), -1)


def require_model(folder: Path) -> None:
    """Refuse a folder that holds no model.

    Raises
    ------
    NotConnectedError
        Saying what is missing and where.
    """
    if not folder.is_dir():
        raise NotConnectedError(
            f"{LABEL} is not here: there is no folder {folder.name!r}. Put the files of a model into one and "
            "name it in the setting `news.finbert_path`.",
            service=LABEL,
        )
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    for either in (_WEIGHTS, _VOCABULARY):
        if not any((folder / name).is_file() for name in either):
            missing.append(" or ".join(either))
    if missing:
        raise NotConnectedError(
            f"{LABEL} is not whole: the folder {folder.name!r} has no {', no '.join(missing)}.",
            service=LABEL,
        )


def places_of_labels(id2label: Mapping[Any, str]) -> dict[str, int]:
    """Return where each tone stands in a model's answer; models differ in order and capitals.

    Raises
    ------
    ArgumentError
        If a tone is missing.

    Examples
    --------
    >>> places_of_labels({0: "Neutral", 1: "Positive", 2: "Negative"})
    {'neutral': 0, 'positive': 1, 'negative': 2}
    """
    places = {str(label).strip().lower(): int(place) for place, label in id2label.items()}
    missing = [tone for tone in ("positive", "negative", "neutral") if tone not in places]
    if missing:
        raise ArgumentError(
            f"The model's labels are {', '.join(map(str, id2label.values()))}; positive, negative and "
            "neutral are needed. Give one that was trained on tones."
        )
    return places


def fingerprint(folder: Path) -> str:
    """Return eight characters that tell one model from another: of its weights, and of the library."""
    weights = next(folder / name for name in _WEIGHTS if (folder / name).is_file())
    with weights.open("rb") as file:
        digest = sha256()
        while piece := file.read(2**20):
            digest.update(piece)
    return f"{digest.hexdigest()[:8]}-{importlib.metadata.version('transformers').split('.')[0]}"
