"""Settings in layers, refused by name, written without losing comments."""

from datetime import date

import pytest

from workbench.errors import DeskHomeError, SettingsError
from workbench.settings import home_folder, load_settings, write_setting, write_settings


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    """Defaults, then the file, then the environment."""
    write_setting(tmp_path, "risk.confidence", 0.95)
    assert load_settings(tmp_path).risk.confidence == 0.95
    monkeypatch.setenv("WORKBENCH_RISK__CONFIDENCE", "0.975")
    assert load_settings(tmp_path).risk.confidence == 0.975


def test_a_value_that_is_not_allowed_leaves_the_file_as_it_was(tmp_path):
    """Refused with its name."""
    write_setting(tmp_path, "risk.confidence", 0.95)
    before = (tmp_path / "settings.toml").read_text()
    with pytest.raises(SettingsError, match=r"risk\.confidence"):
        write_setting(tmp_path, "risk.confidence", 7)
    assert (tmp_path / "settings.toml").read_text() == before


def test_comments_of_the_file_are_kept(tmp_path):
    """A file that people edit stays theirs."""
    (tmp_path / "settings.toml").write_text("# mine\nname = 'A'  # the name\n")
    write_setting(tmp_path, "clock.as_of", date(2013, 3, 1))
    text = (tmp_path / "settings.toml").read_text()
    assert "# mine" in text
    assert "# the name" in text
    assert load_settings(tmp_path).clock.as_of == date(2013, 3, 1)


def test_a_malformed_file_says_where(tmp_path):
    """One sentence with the file and the line."""
    (tmp_path / "settings.toml").write_text("name = \n")
    with pytest.raises(SettingsError, match=r"settings\.toml.*line 1"):
        load_settings(tmp_path)


def test_an_unknown_setting_is_refused(tmp_path):
    """A spelling mistake does not pass in silence."""
    (tmp_path / "settings.toml").write_text("[risk]\nconfidense = 0.9\n")
    with pytest.raises(SettingsError, match="confidense"):
        load_settings(tmp_path)


def test_a_secret_is_not_repeated_in_a_complaint(tmp_path):
    """The value of a setting never stands in its error."""
    (tmp_path / "settings.toml").write_text("[server]\ntoken = ['hunter2']\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_project_is_no_place_for_a_desk(tmp_path):
    """A folder with a pyproject.toml is refused, and so is a file."""
    (tmp_path / "pyproject.toml").touch()
    with pytest.raises(DeskHomeError, match=r"pyproject\.toml"):
        home_folder(tmp_path)
    with pytest.raises(DeskHomeError, match="is a file"):
        home_folder(tmp_path / "pyproject.toml")


def test_the_home_comes_from_argument_then_environment(tmp_path, monkeypatch):
    """--home wins over WORKBENCH_HOME, which wins over the user's folder."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "env"))
    assert home_folder(tmp_path / "arg") == tmp_path / "arg"
    assert home_folder() == tmp_path / "env"
    monkeypatch.delenv("WORKBENCH_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path / "workbench-desk"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKBENCH_RISK", "{"),
        ("WORKBENCH_RISK__GRID_SPOT", "[]"),
        ("WORKBENCH_RISK__GRID_SPOT", "[NaN]"),
        ("WORKBENCH_RISK__GRID_SPOT", "[-1.5]"),
        ("WORKBENCH_RISK__LOOKBACK_SESSIONS", "999999999"),
        ("WORKBENCH_MARKET__RATE", "nan"),
        ("WORKBENCH_MARKET__RATE", "5"),
        ("WORKBENCH_STORE__MEMORY_LIMIT", "banana"),
        ("WORKBENCH_STORE__THREADS", "1000000000"),
        ("WORKBENCH_STORE__LOCK_TIMEOUT_SECONDS", "inf"),
        ("WORKBENCH_ALERTS__CHANNELS", "pigeon"),
    ],
)
def test_nonsense_in_the_environment_is_refused_when_the_desk_opens(name, value, tmp_path, monkeypatch):
    """Not when a figure is made of it."""
    monkeypatch.setenv(name, value)
    section = name.removeprefix("WORKBENCH_").split("__")[0].lower()
    with pytest.raises(SettingsError, match=section) as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)


def test_several_settings_are_written_together_or_not_at_all(tmp_path):
    """Nobody finds half of them."""
    with pytest.raises(SettingsError):
        write_settings(tmp_path, {"name": "Demo", "risk.confidence": 7})
    assert not list(tmp_path.iterdir())
    write_settings(tmp_path, {"name": "Demo", "risk.confidence": 0.9})
    settings = load_settings(tmp_path)
    assert (settings.name, settings.risk.confidence) == ("Demo", 0.9)


def test_a_damaged_file_is_not_written_over(tmp_path):
    """Its owner may still mend it."""
    (tmp_path / "settings.toml").write_text("name = 'x\n")
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        write_setting(tmp_path, "name", "y")
    assert (tmp_path / "settings.toml").read_text() == "name = 'x\n"
