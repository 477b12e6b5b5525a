"""Export and restore: the same rows, in another place, whatever happens meanwhile."""

import json
import subprocess
import sys
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from workbench.errors import BackupError, DeskVersionError
from workbench.store import Lake, Ledger, content_hashes, export_desk, restore_desk

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("desk_process.py")


def bars(symbol, close=1.0):
    times = pd.date_range("2019-12-20", periods=20, tz="UTC")
    return pd.DataFrame({"symbol": symbol, "time": times, "close": close})


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    with Lake.open(home / "lake") as lake, Ledger.open(home / "ledger.sqlite") as ledger:
        lake.write("daily_bars", bars("AAA"), source="one", recorded_at=NOW)
        lake.write("daily_bars", bars("AAA", 2.0), source="two")
        lake.write("daily_bars", bars("AAA", 2.0).head(3).assign(close=3.0), source="three")
        ledger.inbox.put("k", {"title": "hello"}, NOW)
    (home / "settings.toml").write_text('title = "mine"\n')
    (home / "reports" / "morning_risk" / "1").mkdir(parents=True)
    (home / "reports" / "morning_risk" / "1" / "report.html").write_text("<p>hello</p>")
    (home / "logs").mkdir()
    (home / "logs" / "desk.log").write_text("words")
    (home / "live.sqlite").write_text("live")
    return home


def test_a_restored_desk_has_equal_hashes_and_works(home, tmp_path):
    manifest = export_desk(home, tmp_path / "desk.tar", NOW)
    restored = restore_desk(tmp_path / "desk.tar", tmp_path / "new")
    assert restored == manifest
    assert content_hashes(home) == content_hashes(tmp_path / "new") == manifest.content
    assert (tmp_path / "new" / "settings.toml").read_text() == 'title = "mine"\n'
    assert not (tmp_path / "new" / "logs").exists()
    assert not (tmp_path / "new" / "live.sqlite").exists()
    with (
        Lake.open(tmp_path / "new" / "lake") as lake,
        Ledger.open(tmp_path / "new" / "ledger.sqlite") as ledger,
    ):
        assert lake.read("daily_bars")["close"].tolist() == [3.0] * 3 + [2.0] * 17
        assert lake.read("daily_bars", known_at=NOW)["close"].tolist() == [1.0] * 20
        lake.write("daily_bars", bars("BBB"), source="x")
        assert ledger.inbox.frame()["message_key"].tolist() == ["k"]
        lake.compact()
    with Lake.open(home / "lake") as lake:
        assert lake.symbols("daily_bars") == ["AAA"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desk.tar", "home", "new"]


def test_hashes_follow_the_rows_and_not_the_files(home):
    before = content_hashes(home)
    with Lake.open(home / "lake") as lake:
        lake.compact()
        assert content_hashes(home) == before
        lake.write("daily_bars", bars("AAA").head(1).assign(close=9.0), source="x")
    after = content_hashes(home)
    assert {name for name in after if after[name] != before[name]} == {
        "lake/daily_bars",
        "lake/daily_bars_history",
    }


def test_an_export_beside_writers_is_of_one_instant(home, tmp_path):
    """Whole batches only, and every one that was acknowledged before the export began."""
    writers = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), job, str(home), job.upper(), "6"], stdout=subprocess.PIPE, text=True
        )
        for job in ("write", "maintain")
    ]
    assert json.loads(writers[0].stdout.readline()) == {"ready": True}
    for _ in range(3):
        done = json.loads(writers[0].stdout.readline())
    time.sleep(0.5)
    manifest = export_desk(home, tmp_path / "desk.tar", NOW)
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    restore_desk(tmp_path / "desk.tar", tmp_path / "new")
    assert content_hashes(tmp_path / "new") == manifest.content
    with (
        Lake.open(tmp_path / "new" / "lake") as lake,
        Ledger.open(tmp_path / "new" / "ledger.sqlite") as ledger,
    ):
        batches = len(lake.read("daily_bars", symbols="WRITE")) / 40
        fills = len(ledger.fills.frame())
    assert batches.is_integer()
    assert batches >= done["number"] + 1
    assert batches - 1 <= fills <= batches  # the writer writes bars first, then a fill


def test_nothing_is_overwritten(home, tmp_path):
    export_desk(home, tmp_path / "desk.tar", NOW)
    before = content_hashes(home)
    with pytest.raises(BackupError, match="exists already"):
        export_desk(home, tmp_path / "desk.tar", NOW)
    with pytest.raises(BackupError, match="is not empty; restore into a new folder"):
        restore_desk(tmp_path / "desk.tar", home)
    assert content_hashes(home) == before
    (tmp_path / "empty").mkdir()
    restore_desk(tmp_path / "desk.tar", tmp_path / "empty")


def test_what_is_no_desk_or_no_archive_is_said(tmp_path):
    with pytest.raises(BackupError, match="There is no desk in"):
        export_desk(tmp_path, tmp_path / "desk.tar", NOW)
    with pytest.raises(BackupError, match="There is no archive"):
        restore_desk(tmp_path / "desk.tar", tmp_path / "new")
    (tmp_path / "words.tar").write_text("words")
    with pytest.raises(BackupError, match="no whole archive of a desk"):
        restore_desk(tmp_path / "words.tar", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["words.tar"]


def test_an_archive_needs_a_folder_that_is_there(home, tmp_path):
    with pytest.raises(BackupError, match="There is no folder"):
        export_desk(home, tmp_path / "none" / "desk.tar", NOW)


@pytest.mark.parametrize(
    "manifest", ["[1]", '"x"', '{"format": 1, "made_at": "", "content": {}, "files": [1]}']
)
def test_a_manifest_that_lists_nothing_is_refused(tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)
    with tarfile.open(tmp_path / "odd.tar", "w") as tar:
        tar.add(tmp_path / "manifest.json", arcname="manifest.json")
    with pytest.raises(BackupError, match="cannot be read"):
        restore_desk(tmp_path / "odd.tar", tmp_path / "new")


def test_a_damaged_archive_is_refused_and_leaves_nothing(home, tmp_path):
    export_desk(home, tmp_path / "desk.tar", NOW)
    whole = (tmp_path / "desk.tar").read_bytes()
    with tarfile.open(tmp_path / "desk.tar") as tar:
        offset = tar.getmember("ledger.sqlite").offset_data + 5_000
    flipped = bytearray(whole)
    flipped[offset] ^= 1
    for damaged, words in (
        (bytes(flipped), "ledger.sqlite in .* is damaged"),
        (whole[: len(whole) // 2], "archive"),
    ):
        (tmp_path / "bad.tar").write_bytes(damaged)
        with pytest.raises(BackupError, match=words):
            restore_desk(tmp_path / "bad.tar", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "desk.tar", "home"]


def rewritten(source, target, change):
    """Copy an archive with its manifest changed, and an entry added for each file that it names anew."""
    import io

    with tarfile.open(source) as tar, tarfile.open(target, "x") as copy:
        manifest = json.load(tar.extractfile("manifest.json"))
        added = change(manifest) or {}
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **added}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            copy.addfile(entry, io.BytesIO(content))
        for entry in tar.getmembers()[1:]:
            copy.addfile(entry, tar.extractfile(entry))


def test_an_archive_that_reaches_outside_of_the_desk_is_refused(home, tmp_path):
    import hashlib

    export_desk(home, tmp_path / "desk.tar", NOW)

    def reach(manifest):
        manifest["files"]["../escaped"] = hashlib.sha256(b"x").hexdigest()
        return {"../escaped": b"x"}

    rewritten(tmp_path / "desk.tar", tmp_path / "evil.tar", reach)
    with pytest.raises(BackupError, match="outside of the desk"):
        restore_desk(tmp_path / "evil.tar", tmp_path / "new")
    assert not (tmp_path / "escaped").exists()


def test_an_archive_of_a_newer_version_is_refused(home, tmp_path):
    export_desk(home, tmp_path / "desk.tar", NOW)
    rewritten(tmp_path / "desk.tar", tmp_path / "newer.tar", lambda manifest: manifest.update(format=99))
    with pytest.raises(DeskVersionError, match="newer version of Workbench"):
        restore_desk(tmp_path / "newer.tar", tmp_path / "new")
