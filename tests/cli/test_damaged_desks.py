"""A desk whose files are damaged, gone or not its own is refused in one sentence, and left as it is."""

import os
import shutil

import pytest
from click.testing import CliRunner

from workbench.cli.main import main
from workbench.cli.options import sentence
from workbench.errors import DeskHomeError


def refusal(*arguments, home):
    """Run a command that must fail, and return its one sentence."""
    result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 1, result.output
    text = result.stderr.strip()
    assert len(text.splitlines()) == 1
    assert text.startswith("Error: ")
    assert "defect" not in text
    return text


def scramble(path):
    """Keep the head of a file and put noise behind it."""
    path.write_bytes(path.read_bytes()[:100] + os.urandom(4_000))


def make_folder(path):
    """Put a folder where a file was."""
    path.unlink()
    path.mkdir()


def empty(path):
    """Leave nothing in a file."""
    path.write_bytes(b"")


def remove(path):
    """Take a file away."""
    path.unlink()


DAMAGE = {
    "settings scrambled": ("settings.toml", scramble),
    "settings a folder": ("settings.toml", make_folder),
    "ledger scrambled": ("ledger.sqlite", scramble),
    "ledger a folder": ("ledger.sqlite", make_folder),
    "ledger empty": ("ledger.sqlite", empty),
    "ledger gone": ("ledger.sqlite", remove),
    "catalog scrambled": ("lake/catalog.sqlite", scramble),
    "catalog empty": ("lake/catalog.sqlite", empty),
    "catalog gone": ("lake/catalog.sqlite", remove),
    "catalog a folder": ("lake/catalog.sqlite", make_folder),
    "format scrambled": ("lake/format.json", scramble),
    "format empty": ("lake/format.json", empty),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_named(case, demo_copy):
    """The file, what is wrong with it, and what to do."""
    name, damage = DAMAGE[case]
    damage(demo_copy / name)
    text = refusal("book", home=demo_copy)
    assert str(demo_copy / name) in text
    assert "backup" in text or "remove it" in text or "remove the file" in text


@pytest.mark.parametrize("damage", [empty, scramble])
def test_damaged_data_files_are_said_to_be_damaged(damage, demo_copy):
    """Parquet files of a broken disk."""
    for path in (demo_copy / "lake" / "data").rglob("*.parquet"):
        damage(path)
    assert "damaged" in refusal("bars", "AAPL", home=demo_copy)


def test_data_files_that_are_gone_are_missed(demo_copy):
    """The catalog speaks of files that nobody can find."""
    shutil.rmtree(demo_copy / "lake" / "data")
    assert "damaged" in refusal("bars", "AAPL", home=demo_copy)


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/desk", "", "x" * 300])
def test_a_home_that_can_be_no_folder_is_refused(home, tmp_path, monkeypatch):
    """A device, a place below a file, nothing at all, a name that is too long."""
    monkeypatch.chdir(tmp_path)
    assert "--home" in refusal("status", home=home)
    assert not list(tmp_path.iterdir())


def test_an_empty_home_variable_puts_no_desk_into_the_root(tmp_path, monkeypatch):
    """HOME= in a service's environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "")
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 1
    assert "HOME is empty" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_demo_refuses_a_desk_of_the_users_own(tmp_path):
    """Example trades have no place in a real book."""
    file = tmp_path / "mine.csv"
    file.write_text("symbol,date,open,high,low,close,volume\nABC,2024-01-02,10,11,9,10.5,1000\n")
    home = tmp_path / "desk"
    loaded = CliRunner().invoke(main, ["load", str(file), "--kind", "bars", "--home", str(home)])
    assert loaded.exit_code == 0
    assert "not the demo's" in refusal("demo", home=home)
    assert not (home / "settings.toml").exists()


def test_a_sentence_is_one_line_that_steers_no_terminal():
    """Names come from files of strangers."""
    text = sentence(DeskHomeError("a\nb \x1b[31mred " + "x" * 20_000))
    assert text.startswith("a b ?[31mred ")
    assert len(text) < 1_100
