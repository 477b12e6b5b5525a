"""News and dates of reports on a desk: fetched over sockets, read as they were known, no zero for nothing."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from tests.servers.benzinga import TOKEN, BenzingaServer, stamp, story
from tests.servers.earnings_calendars import FINNHUB_KEY, FMP_KEY, FinnhubServer, FmpServer
from tests.servers.rss import FeedServer, item
from workbench import Desk
from workbench.cli.main import main
from workbench.desk.news import REMOVED
from workbench.errors import ArgumentError
from workbench.market.schemas import EARNINGS, NEWS, names
from workbench.signals import LexiconScorer

NOW = pd.Timestamp.now("UTC").floor("min") - pd.Timedelta(hours=3)
HOUR = pd.Timedelta(hours=1)


def rows(*stories, kind="news"):
    """Rows of (id, hours after the start, headline, symbols)."""
    frame = pd.DataFrame(stories, columns=["source_id", "hours", "headline", "symbols"])
    frame["time"] = NOW + pd.to_timedelta(frame["hours"], unit="h")
    frame["updated_at"] = frame["time"]
    frame = frame.assign(summary=None, url=None, author=None, sentiment=float("nan"), scorer=None, kind=kind)
    return frame[names(NEWS)].astype({"headline": "str", "symbols": "str"})


def dates(*reports):
    """Rows of (symbol, days from now, session, period)."""
    frame = pd.DataFrame(reports, columns=["symbol", "days", "session", "fiscal_period"])
    today = NOW.tz_localize(None).normalize()
    frame["date"] = today + pd.to_timedelta(frame["days"], unit="D")
    frame = frame.assign(confirmed=False, eps_estimate=1.5)
    return frame.reindex(columns=names(EARNINGS)).astype(
        dict.fromkeys(("eps_actual", "revenue_estimate", "revenue_actual"), "float64")
    )


@pytest.fixture
def desk(tmp_path):
    with Desk.open(tmp_path / "desk") as desk:
        yield desk


def learn(desk, frame, source, when, table="news"):
    desk._lake.write(table, frame, source=source, recorded_at=when)


# -- two clocks ----------------------------------------------------------------------------------------------


def test_a_story_is_invisible_before_it_was_seen_whatever_its_date_says(desk):
    learn(desk, rows(("1", 0, "Acme raises guidance", "ACME")), "A", NOW + 2 * HOUR)
    assert desk.news("ACME", as_of=NOW + HOUR).empty
    assert len(desk.news("ACME", as_of=NOW + 2 * HOUR)) == 1
    assert len(desk.news("ACME")) == 1


def test_an_edited_headline_shows_the_words_of_then(desk):
    learn(desk, rows(("1", 0, "Acme raises guidance", "ACME")), "A", NOW)
    learn(desk, rows(("1", 0, "Acme cuts guidance (corrected)", "ACME")), "A", NOW + 2 * HOUR)
    assert desk.news("ACME", as_of=NOW + HOUR)["headline"].tolist() == ["Acme raises guidance"]
    row = desk.news("ACME").iloc[0]
    assert row["headline"] == "Acme cuts guidance (corrected)"
    assert row["first_seen"] == NOW
    assert row["seen_at"] == NOW + 2 * HOUR


def test_a_later_known_at_shows_what_was_fetched_after_the_time_it_is_about(desk):
    learn(desk, rows(("1", 0, "Acme raises guidance", "ACME")), "A", NOW + 2 * HOUR)
    found = desk.news("ACME", as_of=NOW + HOUR, known_at=NOW + 2 * HOUR)
    assert len(found) == 1
    assert "as known at" in found.note


def test_nothing_dated_later_than_the_question_is_used(desk):
    learn(desk, rows(("1", 0, "Early story of Acme", "ACME"), ("2", 2, "Late story", "ACME")), "A", NOW)
    assert desk.news("ACME", as_of=NOW + HOUR)["source_id"].tolist() == ["1"]


def test_one_story_of_two_services_is_one_row(desk):
    words = "Acme raises guidance after strong quarter"
    learn(desk, rows(("1", 0, words, "ACME"), ("2", 1, "Zenith sinks", "ZEN")), "A", NOW + HOUR)
    learn(desk, rows(("9", 0.5, words, "ACME,ZEN")), "B", NOW + HOUR)
    found = desk.news()
    assert found["headline"].tolist() == ["Zenith sinks", words]
    assert found["sources"].tolist() == ["A", "A, B"]
    assert len(desk.news(unique=False)) == 3
    assert desk.news("ZEN")["headline"].tolist() == ["Zenith sinks", words]


def test_a_backward_period_is_refused(desk):
    with pytest.raises(ArgumentError, match="after `end`"):
        desk.news(start="2026-02-01", end="2026-01-01")
    with pytest.raises(ArgumentError, match="swap"):
        desk.earnings(start="2026-02-01", end="2026-01-01")


# -- fetching ------------------------------------------------------------------------------------------------


@pytest.fixture
def benzinga(monkeypatch):
    with BenzingaServer() as server:
        monkeypatch.setenv("WORKBENCH_SERVICES__BENZINGA__REST_URL", server.http_url)
        monkeypatch.setenv("WORKBENCH_BENZINGA_API_KEY", TOKEN)
        server.stories = [
            story(1, NOW, "Acme raises guidance", ["ACME"]),
            story(2, NOW + HOUR, "Acme sued over patents", ["ACME"]),
        ]
        yield server


def test_a_fetch_brings_what_is_new_then_what_was_edited_and_taken_back(benzinga, desk):
    first = desk.fetch_news("benzinga", "ACME")
    assert first["new"].sum() == 2
    assert first.complaints.empty
    before = desk.now()
    benzinga.stories[0] |= {"title": "Acme keeps guidance", "updated": stamp(NOW + 2 * HOUR)}
    benzinga.removed = [{"id": 2, "updated": stamp(NOW + 2 * HOUR)}]
    benzinga.stories.pop()
    second = desk.fetch_news("benzinga", "ACME")
    assert second["new"].sum() == 0
    assert second["changed"].sum() == 2
    assert desk.news("ACME")["headline"].tolist() == ["Acme keeps guidance"]
    assert desk.news("ACME", removed=True)["headline"].tolist() == [REMOVED, "Acme keeps guidance"]
    then = desk.news("ACME", as_of=before)["headline"].tolist()
    assert then == ["Acme sued over patents", "Acme raises guidance"]
    third = desk.fetch_news("benzinga", "ACME")
    assert third[["new", "changed"]].sum().sum() == 0


def test_without_a_key_it_is_not_connected_and_no_zero(desk):
    summary = desk.fetch_news("benzinga", "ACME")
    assert summary.complaints["state"].tolist() == ["not_connected"]
    assert any("workbench connect benzinga" in line for line in summary.lines())
    tone = desk.sentiment("ACME")
    assert tone["balance"].isna().all()
    assert "no news" in tone["reason"].iloc[0]


def test_a_feed_comes_over_the_same_path(monkeypatch, tmp_path):
    with FeedServer() as server:
        server.items = [item(1, f"{NOW:%a, %d %b %Y %H:%M:%S} GMT", "Acme soars on record orders $ACME")]
        feeds = json.dumps([f"{server.http_url}/feed.xml"])
        monkeypatch.setenv("WORKBENCH_SERVICES__RSS__FEEDS", feeds)
        with Desk.open(tmp_path / "desk") as desk:
            assert desk.fetch_news("rss")["new"].sum() == 1
            assert desk.news("ACME")["headline"].tolist() == ["Acme soars on record orders $ACME"]


# -- tone ----------------------------------------------------------------------------------------------------

GOOD = (
    "Acme beats estimates",
    "Acme raises guidance",
    "Acme wins contract",
    "Acme upgraded to buy",
    "Acme soars",
)


def test_the_balance_is_of_the_stories_of_then_and_names_its_scorer(desk):
    learn(desk, rows(*((str(n), n / 10, text, "ACME") for n, text in enumerate(GOOD))), "A", NOW + HOUR)
    tone = desk.sentiment("ACME")
    assert tone.loc["ACME", "bullish"] == 5
    assert tone.loc["ACME", "balance"] == 0.5  # five of at least ten
    assert tone.loc["ACME", "scorer"] == LexiconScorer().scorer
    assert desk.sentiment("ACME", as_of=NOW + HOUR / 2)["balance"].isna().all()


def test_a_story_of_two_tickers_counts_for_both(desk):
    learn(desk, rows(*((str(n), n / 10, text, "ACME,ZEN") for n, text in enumerate(GOOD))), "A", NOW + HOUR)
    assert desk.sentiment()["bullish"].to_dict() == {"ACME": 5, "ZEN": 5}
    assert desk.sentiment("ZEN").index.tolist() == ["ZEN"]


def test_finbert_without_its_model_gives_way_to_the_lexicon_and_says_so(desk):
    learn(desk, rows(*((str(n), n / 10, text, "ACME") for n, text in enumerate(GOOD))), "A", NOW + HOUR)
    tone = desk.sentiment("ACME", scorer="finbert")
    assert tone["scorer"].tolist() == [LexiconScorer().scorer]
    assert "FinBERT is not here" in tone.note
    with pytest.raises(ArgumentError, match="'lexicon'"):
        desk.sentiment("ACME", scorer="oracle")


def test_the_sources_own_tags_count_where_they_are_asked_for(desk):
    posts = rows(*((str(n), n / 10, f"Thought {n} about $ACME", "ACME") for n in range(8)), kind="post")
    posts["sentiment"] = [1.0] * 6 + [-1.0, float("nan")]
    posts["scorer"] = ["tag/1"] * 7 + [None]
    learn(desk, posts, "StockTwits", NOW + HOUR)
    tone = desk.sentiment("ACME", scorer="source").loc["ACME"]
    assert (tone["bullish"], tone["bearish"], tone["texts"]) == (6, 1, 7)
    assert tone["balance"] == 0.5
    assert tone["scorer"] == "tag/1"


# -- earnings ------------------------------------------------------------------------------------------------


def test_a_moved_date_keeps_both_versions(desk):
    learn(desk, dates(("ACME", 30, "after_close", "2026Q4")), "F", NOW, "earnings")
    learn(desk, dates(("ACME", 35, "after_close", "2026Q4")), "F", NOW + 2 * HOUR, "earnings")
    today = NOW.tz_localize(None).normalize()
    assert desk.earnings("ACME")["date"].tolist() == [today + pd.Timedelta(days=35)]
    assert desk.earnings("ACME", as_of=NOW + HOUR)["date"].tolist() == [today + pd.Timedelta(days=30)]
    versions = desk.earnings("ACME", revisions=True)
    assert versions["date"].tolist() == [today + pd.Timedelta(days=30), today + pd.Timedelta(days=35)]
    assert versions["replaced_at"].iloc[0] == NOW + 2 * HOUR
    assert pd.isna(versions["replaced_at"].iloc[1])


def test_two_sources_that_disagree_are_both_shown_and_widen_the_window(desk, monkeypatch):
    day = (NOW + pd.Timedelta(days=30)).tz_localize(None).normalize()
    other = day + pd.Timedelta(days=4)
    with FinnhubServer() as finnhub, FmpServer() as fmp:
        finnhub.reports = [
            {
                "symbol": "ACME",
                "date": f"{day:%Y-%m-%d}",
                "hour": "amc",
                "quarter": 4,
                "year": 2026,
                "epsEstimate": 1,
            }
        ]
        fmp.reports = [{"symbol": "ACME", "date": f"{other:%Y-%m-%d}", "epsEstimated": 1.1}]
        monkeypatch.setenv("WORKBENCH_SERVICES__FINNHUB__REST_URL", f"{finnhub.http_url}/api/v1")
        monkeypatch.setenv("WORKBENCH_FINNHUB_API_KEY", FINNHUB_KEY)
        monkeypatch.setenv("WORKBENCH_SERVICES__FMP__REST_URL", fmp.http_url)
        monkeypatch.setenv("WORKBENCH_FMP_API_KEY", FMP_KEY)
        with Desk.open(desk.home) as connected:
            for service in ("finnhub", "fmp"):
                summary = connected.ingest(
                    service, "ACME", kinds="earnings", end=other + pd.Timedelta(days=3)
                )
                assert summary["new"].sum() == 1, summary.lines()
            row = connected.earnings("ACME").iloc[0]
    assert not row["agree"]
    assert "Finnhub" in row["said"]
    assert "Financial Modeling Prep" in row["said"]
    assert row["jump_before"] - row["jump_after"] > pd.Timedelta(days=3)


# -- command line --------------------------------------------------------------------------------------------


def test_the_command_shows_stories_and_tone(desk):
    learn(desk, rows(*((str(n), n / 10, text, "ACME") for n, text in enumerate(GOOD))), "A", NOW + HOUR)
    desk.close()
    result = CliRunner().invoke(main, ["news", "ACME", "--home", str(desk.home)])
    assert result.exit_code == 0, result.output
    assert "Acme beats estimates" in result.output
    assert "lexicon/" in result.output
    empty = CliRunner().invoke(main, ["news", "ZEN", "--home", str(desk.home)])
    assert empty.exit_code == 0
    assert "nothing yet" in empty.output


def test_the_command_shows_dates_and_a_service_without_a_key_is_a_sentence(desk):
    learn(desk, dates(("ACME", 30, "after_close", "2026Q4")), "F", NOW, "earnings")
    desk.close()
    result = CliRunner().invoke(main, ["earnings", "ACME", "--from", "finnhub", "--home", str(desk.home)])
    assert result.exit_code == 0, result.output
    assert "workbench connect finnhub" in result.output
    assert "after close" in result.output
    versions = CliRunner().invoke(main, ["earnings", "ACME", "--revisions", "--home", str(desk.home)])
    assert "Replaced" in versions.output
