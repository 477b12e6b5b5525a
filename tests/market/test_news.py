"""One record of news: plain text, addresses, headlines, symbols, one row for a story of several services."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ArgumentError, DataFormatError
from workbench.market import canonical_url, headline_key, join_symbols, plain_text, symbols_in, unique_stories

LATE = "2026-11-20 14:00"


def news(*rows):
    """Rows of (source, id, minutes after two, headline, url, symbols)."""
    frame = pd.DataFrame(rows, columns=["source", "source_id", "time", "headline", "url", "symbols"])
    frame["time"] = pd.Timestamp(LATE, tz="UTC") + pd.to_timedelta(frame["time"], unit="min")
    return frame.assign(kind="news")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>One</p><p>two &amp; three</p>", "One two & three"),
        ("a < b and c > d", "a < b and c > d"),
        ("<script>steal()</script>Hello<style>p{}</style>", "Hello"),
        ("line\none\ttab\x00\x1b[31m", "line one tab [31m"),
        ("\u202eevil\u202c \u200bspace", "evil space"),
        ("&lt;b&gt;not a tag&lt;/b&gt;", "<b>not a tag</b>"),
        ("   ", None),
        (None, None),
        (7, None),
    ],
)
def test_text_without_markup(text, plain):
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://www.Example.COM/News/?utm_source=a&utm_medium=b#x", "https://example.com/News"),
        ("https://example.com:443/a?b=2&a=1", "https://example.com/a?a=1&b=2"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com/caf%C3%A9", "https://example.com/caf%C3%A9"),
        ("https://example.com/café", "https://example.com/caf%C3%A9"),
        ("javascript:alert(1)", None),
        ("ftp://example.com/a", None),
        ("https://[broken", None),
        ("/only/a/path", None),
        (None, None),
    ],
)
def test_one_address_for_one_page(url, canonical):
    assert canonical_url(url) == canonical


@given(st.text(max_size=80))
def test_a_canonical_address_is_its_own(text):
    once = canonical_url("https://example.com/" + text)
    assert once is None or canonical_url(once) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme's profit rises 5%", "ACME’S PROFIT RISES 5 %"),
        ("UPDATE 2-Acme's profit rises on strong sales", "Acme's profit rises on strong sales"),
        ("Acme's profit rises on strong sales - The Daily Ledger", "Acme's profit rises on strong sales"),
        ("BREAKING: Acme to buy Zenith for $2 billion", "Acme to buy Zenith for $2 billion | Market Wire"),
    ],
)
def test_headlines_of_one_story_share_their_key(one, other):
    assert headline_key(one) == headline_key(other)


def test_headlines_of_different_stories_do_not():
    assert headline_key("Acme's profit rises 5%") != headline_key("Acme's profit rises 6%")
    assert headline_key("Acme beats - what to know about the stock") != headline_key("Acme beats")


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("$AAPL and $brk.b up", ["AAPL", "BRK.B"]),
        ("Acme Inc. (NASDAQ: ACME), Berk (NYSE:BRK/B)", ["ACME", "BRK.B"]),
        ("costs $5, US$100, $5B, IT and ALL", []),
        ("$AAPL $AAPL", ["AAPL"]),
        (None, []),
    ],
)
def test_tickers_are_taken_only_where_they_say_so(text, symbols):
    assert symbols_in(text) == symbols


def test_symbols_are_joined_once_each():
    assert join_symbols(["aapl", "$MSFT", "AAPL", "not a ticker", None, "BRK.B"]) == "AAPL,MSFT,BRK.B"
    assert join_symbols([]) is None


def test_one_story_of_three_services_is_one_row_with_all_symbols():
    story = "Acme raises guidance after strong third quarter"
    found = unique_stories(
        news(
            ("Benzinga", "1", 0, story, "https://bz.com/1", "ACME"),
            ("Alpaca", "9", 1, story, "https://alpaca.example/9", "ACME,ZEN"),
            ("Polygon", "x", 30, f"UPDATE 1-{story}", "https://www.bz.com/1?utm_source=p", None),
            ("Benzinga", "2", 5, "Zenith cuts guidance after weak third quarter", "https://bz.com/2", "ZEN"),
        )
    )
    assert found["source_id"].tolist() == ["1", "2"]
    assert found["sources"].tolist() == ["Benzinga, Alpaca, Polygon", "Benzinga"]
    assert found["symbols"].tolist() == ["ACME,ZEN", "ZEN"]
    assert found["copies"].tolist() == [3, 1]


def test_the_same_words_days_later_are_another_story():
    story = "Acme declares regular quarterly dividend today"
    found = unique_stories(
        news(("A", "1", 0, story, None, None), ("B", "2", 60 * 24 * 90, story, None, None))
    )
    assert len(found) == 2


def test_hours_chain_but_do_not_jump():
    story = "Acme raises guidance after strong third quarter"
    rows = [("A", str(hour), hour * 60, story, None, None) for hour in (0, 5, 10, 20)]
    assert unique_stories(news(*rows))["source_id"].tolist() == ["0", "20"]


def test_short_headlines_are_no_story_of_their_own():
    found = unique_stories(
        news(
            ("A", "1", 0, "Market wrap", "https://a.com/1", None),
            ("B", "2", 1, "Market wrap", "https://b.com/1", None),
        )
    )
    assert len(found) == 2


def test_an_address_joins_what_headlines_do_not():
    found = unique_stories(
        news(
            ("A", "1", 0, "Acme jumps", "https://a.com/1", None),
            ("B", "2", 600, "Why Acme jumps today", "http://www.a.com/1/#c", None),
        )
    )
    assert len(found) == 1


def test_posts_of_two_people_are_two_even_when_they_say_the_same():
    frame = news(
        ("Reddit", "1", 0, "Acme to the moon my friends", None, "ACME"),
        ("Reddit", "2", 1, "Acme to the moon my friends", None, "ACME"),
    ).assign(kind="post")
    assert len(unique_stories(frame)) == 2


def test_of_one_identity_the_last_row_counts():
    frame = news(
        ("A", "1", 0, "Old headline of the story", None, None), ("A", "1", 0, "New headline", None, None)
    )
    assert unique_stories(frame)["headline"].tolist() == ["New headline"]


def test_nothing_stays_nothing_and_bad_arguments_are_refused():
    assert unique_stories(news()).empty
    assert {"sources", "copies"} <= set(unique_stories(news()))
    with pytest.raises(ArgumentError, match="`hours`"):
        unique_stories(news(), hours=-1)
    with pytest.raises(DataFormatError, match="`url`"):
        unique_stories(news().drop(columns="url"))


@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(order):
    rows = [
        ("A", "1", 0, "Acme raises guidance after strong quarter", "https://a.com/1", "ACME"),
        ("B", "2", 3, "Acme raises guidance after strong quarter", "https://b.com/1", "ACME"),
        ("C", "3", 4, "Other words altogether here today", "https://b.com/1", None),
        ("D", "4", 4, "Zenith sinks after warning on profit", None, "ZEN"),
        ("E", "5", 9, "Zenith sinks after warning on profit", None, "ZEN"),
        ("F", "6", 9, "Nothing to do with either of them", None, None),
    ]
    found = unique_stories(news(*[rows[place] for place in order]))
    assert found["source_id"].tolist() == ["1", "4", "6"]
    assert found["copies"].tolist() == [3, 2, 1]
