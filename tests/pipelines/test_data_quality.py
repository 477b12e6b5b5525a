"""The data_quality pipeline on a real desk: it says what is missing, late, odd and refused, and only that."""

import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from workbench import Desk
from workbench.market import sessions
from workbench.settings import write_settings


def bars_of(symbol, seed):
    days = sessions("XNYS", "2014-04-01", "2014-06-09")
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, len(days))))
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close))
    return frame.assign(volume=1e6, symbol=symbol, time=days.tz_localize("UTC"))


@pytest.fixture
def desk(tmp_path):
    home = tmp_path / "desk"
    home.mkdir()
    write_settings(home, {"clock.as_of": pd.Timestamp("2014-06-09").date()})
    with Desk.open(home) as opened:
        opened.load(bars_of("WHOLE", 1), kind="bars", source="my vendor")
        yield opened


def run_of(desk):
    run = desk.run("data_quality")
    run.raise_if_failed()
    return run, Path(run.outputs["report"]).read_text()


def test_whole_data_are_called_whole(desk):
    run, page = run_of(desk)
    assert run.outputs["message"] == "The one symbol has whole bars."
    assert run.outputs["faults"] == run.outputs["refused_rows"] == 0
    assert "Nothing in the period is missing" in page


def test_what_is_wrong_is_named_counted_and_in_the_workbook(desk):
    holed = bars_of("HOLED", 2)
    desk.load(holed.drop(index=[30]).iloc[:-2], kind="bars", source="my vendor")
    desk.load(holed.head(2).assign(close=[0.0, -1.0]), kind="bars", source="a bad file")
    run, page = run_of(desk)
    told = run.outputs["message"]
    assert told == "HOLED is in doubt, most often for being behind the last session. 2 rows were refused."
    assert run.outputs["symbols_in_doubt"] == 1
    assert run.outputs["refused_rows"] == 2
    assert "no bar since 2014-06-05, 2 sessions behind" in page
    assert "<script" not in page
    assert "http" not in page.split("</style>")[1]
    book = openpyxl.load_workbook(run.outputs["workbook"])
    assert "What is wrong" in " ".join(book.sheetnames)
    assert json.loads((run.folder / "outputs.json").read_text())["symbols"] == 2
