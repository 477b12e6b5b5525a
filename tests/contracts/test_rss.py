"""RSS and Atom keep the contracts of providers and of services over a network; XML does no harm."""

import time

import pandas as pd
import pytest

from tests.contracts.numbered_pages import Keyless
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.base import ALWAYS, BadDays
from tests.servers.rss import MODIFIED, FeedServer, item
from workbench.errors import (
    IncompleteAnswerError,
    NotConnectedError,
    ServiceAnswerError,
    ServiceUnavailableError,
)
from workbench.providers.rss import RssProvider
from workbench.settings import RssSettings

ATOM = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>A feed</title><updated>2026-11-20T18:30:02Z</updated>
<entry><title type="html">Acme &lt;b&gt;rises&lt;/b&gt; (NYSE: ACM)</title><id>urn:uuid:1225c695</id>
<link rel="self" href="https://example.com/self"/><link href="https://example.com/acme"/>
<published>2026-11-20T13:30:02-05:00</published><updated>2026-11-20T18:45:00Z</updated>
<author><name>J. Doe</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Some <i>text</i>.</div></content>
</entry></feed>"""
RDF = b"""<?xml version="1.0" encoding="ISO-8859-1"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>c</title></channel>
<item rdf:about="https://example.com/1"><title>Caf\xe9 chain grows</title><link>https://example.com/1</link>
<dc:date>2026-11-20T14:03+01:00</dc:date><dc:creator>A. Writer</dc:creator></item></rdf:RDF>"""
LOOSE = b"""<rss version="2.0"><channel><item><title>R&D spending&nbsp;up &amp; away &euro;5</title>
<link>https://example.com/2?a=1&b=2</link><pubDate>Fri, 20 Nov 26 09:31:05 EST</pubDate>
<nasdaq:tickers xmlns:nasdaq="http://nasdaq.com">ACME,BRK/B</nasdaq:tickers></item></channel></rss>"""
OLD = b"""<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"
 "http://my.netscape.com/publish/formats/rss-0.91.dtd">
<rss version="0.91"><channel><item><title>Old form</title><link>https://example.com/3</link>
<pubDate>2026-11-20</pubDate></item></channel></rss>"""
LAUGHS = b"""<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<rss><channel><item><title>&c;</title></item></channel></rss>"""


@pytest.fixture
def server():
    with FeedServer() as server:
        server.items = [
            item(
                n,
                f"Fri, 20 Nov 2026 12:{n:02} GMT",
                f"Feed story {n} on $AAPL",
                "<p>More &amp; more on $AAPL</p>",
            )
            for n in range(50)
        ]
        yield server


def provider_of(server, keys=None, transport=None, paths=("/feed.xml",)):
    feeds = tuple(path if "://" in path else f"{server.http_url}{path}" for path in paths)
    return RssProvider(RssSettings(feeds=feeds), keys, transport or HurriedTransport())


class TestRss(Keyless, ProviderContract, SocketContract):
    kinds = ("news",)
    # Entries are text through and through, and name no symbols of their own.
    lies = ("renamed_field", "missing_time", "time_back")
    paged = False

    @pytest.fixture
    def promised(self, server):
        return Promised(
            provider_of(server),
            "AAPL",
            "APPL",
            known={
                "news": Known(
                    {
                        "source_id": "https://feeds.example.com/7",
                        "time": "2026-11-20 12:07",
                        "headline": "Feed story 7 on $AAPL",
                        "summary": "More & more on $AAPL",
                        "symbols": "AAPL",
                        "author": None,
                    },
                    "2026-11-20 12:00",
                    "2026-11-20 13:00",
                )
            },
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: provider_of(server, keys, transport),
            keys={},
            ask=lambda provider: provider.news(["AAPL"], "2026-11-20", "2026-11-20"),
            refusal=(403, "This feed is closed", "feed is closed"),
            pages_path="/feed.xml",
        )


def only(server, path, document):
    """Return the rows of one document."""
    server.documents[path] = document
    return provider_of(server, paths=(path,)).news()


def test_without_feeds_it_is_not_connected():
    provider = RssProvider(RssSettings(), None, HurriedTransport())
    with pytest.raises(NotConnectedError, match=r"services\.rss\.feeds") as caught:
        provider.news()
    assert caught.value.state == "not_connected"


def test_a_feed_without_news_is_not_sent_again(server):
    provider = provider_of(server)
    first = provider.news()
    server.seen.clear()
    pd.testing.assert_frame_equal(provider.news(), first)
    asked = server.calls("/feed.xml")
    assert [request.status for request in asked] == [304]
    assert asked[0].headers["if-none-match"]
    assert asked[0].headers["if-modified-since"] == MODIFIED
    server.items.append(item(77, "Fri, 20 Nov 2026 15:00 GMT", "News at last"))
    assert provider.news()["headline"].iloc[-1] == "News at last"


def test_a_broken_document_does_not_become_nothing_new(server):
    provider = provider_of(server)
    server.bad = BadDays(not_json=1)
    with pytest.raises(ServiceAnswerError):
        provider.news()
    assert len(provider.news()) == 50


def test_atom_is_read(server):
    row = only(server, "/atom", ATOM).iloc[0]
    assert row["headline"] == "Acme rises (NYSE: ACM)"
    assert row["source_id"].endswith("urn:uuid:1225c695")
    assert row["url"] == "https://example.com/acme"
    assert row["time"] == pd.Timestamp("2026-11-20 18:30:02", tz="UTC")
    assert row["updated_at"] == pd.Timestamp("2026-11-20 18:45", tz="UTC")
    assert row["author"] == "J. Doe"
    assert row["summary"] == "Some text."
    assert row["symbols"] == "ACM"


def test_rdf_in_another_encoding_is_read(server):
    row = only(server, "/rdf", RDF).iloc[0]
    assert row["headline"] == "Café chain grows"
    assert row["time"] == pd.Timestamp("2026-11-20 13:03", tz="UTC")
    assert row["author"] == "A. Writer"


def test_loose_ampersands_and_names_of_html_are_forgiven(server):
    row = only(server, "/loose", LOOSE).iloc[0]
    assert row["headline"] == "R&D spending up & away €5"
    assert row["url"] == "https://example.com/2?a=1&b=2"
    assert row["time"] == pd.Timestamp("2026-11-20 14:31:05", tz="UTC")
    assert row["symbols"] == "ACME,BRK.B"


def test_the_oldest_form_is_read_and_its_dtd_is_not_fetched(server):
    assert only(server, "/old", OLD)["headline"].tolist() == ["Old form"]
    assert all(request.path == "/old" for request in server.seen)


def test_a_billion_laughs_and_entities_are_refused_at_once(server, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")
    outside = f"""<!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]>
<rss><channel><item><title>&x;</title><guid>1</guid><pubDate>2026-11-20</pubDate></item></channel></rss>"""
    call = f"""<!DOCTYPE r [<!ENTITY % p SYSTEM "{server.http_url}/stolen">%p;]><rss><channel/></rss>"""
    begin = time.monotonic()
    for path, document in (("/a", LAUGHS), ("/b", outside.encode()), ("/c", call.encode())):
        with pytest.raises(ServiceAnswerError, match="never followed") as caught:
            only(server, path, document)
        assert "do not read me" not in str(caught.value)
    assert time.monotonic() - begin < 10
    assert not server.calls("/stolen")


def test_what_is_no_feed_or_too_large_is_refused(server):
    with pytest.raises(ServiceAnswerError, match="no RSS or Atom"):
        only(server, "/page", b"<html><body>Hello</body></html>")
    with pytest.raises(ServiceAnswerError, match="larger"):
        only(server, "/large", b"<rss>" + b" " * (9 * 2**20) + b"</rss>")
    with pytest.raises(ServiceAnswerError, match="no whole XML"):
        only(server, "/deep", b"<rss>" + b"<a>" * 10_000)


def test_a_file_is_a_feed_too(tmp_path):
    path = tmp_path / "mine.xml"
    path.write_bytes(ATOM)
    for feed in (str(path), path.as_uri()):
        provider = RssProvider(RssSettings(feeds=(feed,)), None, HurriedTransport())
        assert provider.news()["symbols"].tolist() == ["ACM"]
    with pytest.raises(ServiceUnavailableError, match=r"gone\.xml"):
        RssProvider(RssSettings(feeds=(str(tmp_path / "gone.xml"),)), None, HurriedTransport()).news()


def test_one_feed_that_fails_does_not_silence_the_others(server):
    server.documents["/atom"] = ATOM
    server.bad = BadDays(failing=ALWAYS, only=lambda request: request.path == "/feed.xml")
    with pytest.raises(IncompleteAnswerError) as caught:
        provider_of(server, paths=("/feed.xml", "/atom")).news()
    assert caught.value.state == "unreachable"
    assert caught.value.rows["symbols"].tolist() == ["ACM"]


def test_a_subscribers_key_in_an_address_does_not_show(server):
    key = "subscriber-key-0123456789"
    provider = RssProvider(
        RssSettings(feeds=(f"{server.http_url}/gone.xml?auth={key}",)), None, HurriedTransport()
    )
    with pytest.raises(Exception, match="404") as caught:
        provider.news()
    assert key not in str(caught.value)
    assert server.was_told(key)
