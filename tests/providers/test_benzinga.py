"""Benzinga's documented answers, read through our translation."""

import json
from pathlib import Path

import pandas as pd

from tests.servers.base import Answer, LocalServer
from workbench.providers.benzinga import BenzingaProvider
from workbench.settings import BenzingaSettings
from workbench.transport import Transport

ANSWERS = Path(__file__).resolve().parent.parent / "answers" / "benzinga"


class Documented(LocalServer):
    """Gives the documented answers, whatever is asked."""

    def answer(self, request):
        name = "removed" if request.path.endswith("removed") else "news"
        return Answer(json.loads((ANSWERS / f"{name}.json").read_text()))


def test_the_documented_story_and_its_removal_are_read():
    with Documented() as server:
        provider = BenzingaProvider(
            BenzingaSettings(rest_url=server.http_url), {"api_key": "k" * 20}, Transport(None)
        )
        row = provider.news(["AAPL"], "2017-05-17", "2017-05-17").iloc[0]
        removed = provider.removed_news(pd.Timestamp("2017-05-17", tz="UTC"))
    assert row["headline"] == "Apple Announces New iPhone"
    assert row["summary"] == "The company's event began at 2 p.m."
    assert row["time"] == pd.Timestamp("2017-05-17 18:20:15", tz="UTC")
    assert row["updated_at"] == pd.Timestamp("2017-05-17 18:25:40", tz="UTC")
    assert row["symbols"] == "AAPL"
    assert removed["source_id"].tolist() == [row["source_id"]] == ["123456"]
