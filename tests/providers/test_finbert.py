"""FinBERT from a folder: what is missing is a state, and labels are read off the model."""

import json

import numpy as np
import pytest

from workbench.errors import ArgumentError, NotConnectedError
from workbench.providers.finbert import FinbertModel, places_of_labels

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] profit rises falls shares beat miss loss the of"


def test_a_folder_that_is_not_there_is_a_state_with_what_to_do(tmp_path):
    with pytest.raises(NotConnectedError, match=r"news\.finbert_path") as caught:
        FinbertModel(tmp_path / "nowhere")
    assert caught.value.state == "not_connected"


def test_a_folder_without_weights_says_what_it_lacks(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {}}))
    with pytest.raises(NotConnectedError, match=r"no model\.safetensors or pytorch_model\.bin, no vocab"):
        FinbertModel(tmp_path)


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        ({0: "positive", 1: "negative", 2: "neutral"}, (0, 1, 2)),
        ({0: "Neutral", 1: "Positive", 2: "Negative"}, (1, 2, 0)),
        ({"2": "POSITIVE ", "0": "negative", "1": "neutral"}, (2, 0, 1)),
    ],
)
def test_labels_are_found_in_any_order_and_in_any_capitals(labels, places):
    found = places_of_labels(labels)
    assert (found["positive"], found["negative"], found["neutral"]) == places


def test_labels_of_another_trade_are_refused():
    with pytest.raises(ArgumentError, match="LABEL_0"):
        places_of_labels({0: "LABEL_0", 1: "LABEL_1"})


@pytest.mark.extra
@pytest.mark.parametrize("order", [["positive", "negative", "neutral"], ["Neutral", "Positive", "Negative"]])
def test_a_model_gives_the_probabilities_that_it_gives_alone(tmp_path, order):
    """A tiny model with random weights, saved and read back; each text also alone, without our batches."""
    import torch
    import transformers

    words = WORDS.split()
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
        id2label=dict(enumerate(order)),
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    transformers.BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    ours = FinbertModel(tmp_path, batch=3)
    texts = ["profit rises", "shares fall", None, "", "loss " * 2000, "beat the profit of shares"]
    score, confidence = ours.score(texts)
    assert np.isnan(score[2:4]).all()
    assert (confidence[2:4] == 0).all()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    places = [label.lower() for label in order]
    for place in (0, 1, 4, 5):
        tokens = tokenizer(texts[place], truncation=True, max_length=512, return_tensors="pt")
        with torch.inference_mode():
            odds = torch.softmax(model(**tokens).logits, -1)[0].tolist()
        expected = odds[places.index("positive")] - odds[places.index("negative")]
        assert score[place] == pytest.approx(expected, abs=1e-6)
        assert confidence[place] == pytest.approx(max(odds), abs=1e-6)
    assert ours.scorer.startswith("finbert/")
