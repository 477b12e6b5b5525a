"""The two channels that need no network, against the contract and against kills."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.channels import FileChannel, InboxChannel
from workbench.errors import ChannelError, StoreBusyError

_CONTRACT = Path(__file__).parents[1] / "contracts" / "channel_contract.py"
_spec = importlib.util.spec_from_file_location("channel_contract", _CONTRACT)
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
MESSAGE = contract.MESSAGE


def files_in(folder: Path) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


class TestFileChannel(contract.ChannelContract):
    @pytest.fixture
    def channel(self, tmp_path):
        return FileChannel(tmp_path / "alerts")

    @pytest.fixture
    def delivered(self, tmp_path):
        return lambda: files_in(tmp_path / "alerts")

    def test_files_stay_in_the_folder_whatever_the_key_says(self, channel, tmp_path):
        channel.deliver(MESSAGE | {"fact_key": "../../etc/passwd\x00"})
        names = [path.name for path in (tmp_path / "alerts").iterdir()]
        assert len(names) == 1
        assert names[0].startswith("etc-passwd-")
        assert [path.name for path in tmp_path.iterdir()] == ["alerts"]

    def test_a_full_disk_is_a_channel_error_and_leaves_nothing_half_written(
        self, channel, tmp_path, monkeypatch
    ):
        def full(_handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ChannelError, match="No space left on device; free some space"):
            channel.deliver(MESSAGE)
        assert list((tmp_path / "alerts").iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_a_channel_error(self, tmp_path):
        (tmp_path / "alerts").write_text("a file")
        with pytest.raises(ChannelError, match="could not be written to"):
            FileChannel(tmp_path / "alerts").deliver(MESSAGE)

    @pytest.mark.parametrize("value", [float("nan"), object()])
    def test_what_is_not_json_is_refused_before_anything_is_written(self, channel, delivered, value):
        with pytest.raises(ChannelError, match="cannot be written as JSON"):
            channel.deliver(MESSAGE | {"value": value})
        assert delivered() == []


KILLED = """
import os, signal, sys, json
from pathlib import Path
from workbench.channels import FileChannel
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "before the rename": Path.replace = die
if sys.argv[2] == "after the rename": FileChannel._sync_folder = die
FileChannel(sys.argv[1]).deliver(json.loads(sys.argv[3]))
die()
"""


@pytest.mark.parametrize("moment", ["before the rename", "after the rename", "before the acknowledgement"])
def test_a_kill_before_the_acknowledgement_leaves_one_file_after_the_next_delivery(tmp_path, moment):
    folder = tmp_path / "alerts"
    command = [sys.executable, "-c", KILLED, str(folder), moment, json.dumps(MESSAGE)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    # What a reader sees at this moment is nothing, or the whole message.
    assert files_in(folder) in ([], [MESSAGE])
    FileChannel(folder).deliver(MESSAGE)
    assert files_in(folder) == [MESSAGE]
    assert len(list(folder.iterdir())) == 1


class TestInboxChannel(contract.ChannelContract):
    @pytest.fixture
    def inbox(self):
        return {}

    @pytest.fixture
    def channel(self, inbox):
        return InboxChannel(inbox.setdefault)

    @pytest.fixture
    def delivered(self, inbox):
        return lambda: list(inbox.values())


@pytest.mark.parametrize("error", [StoreBusyError("The ledger is busy."), OSError("disk I/O error")])
def test_an_inbox_that_cannot_take_it_is_a_channel_error(error):
    def put(_key, _payload):
        raise error

    with pytest.raises(ChannelError, match="The inbox could not take the alert"):
        InboxChannel(put).deliver(MESSAGE)
