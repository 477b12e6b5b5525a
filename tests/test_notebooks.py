"""The notebooks on options, run in a real kernel from the first cell to the last."""

import nbformat
import pytest
from nbclient import NotebookClient

from workbench.settings import project_folder


def run(name, folder, **parameters):
    """Run a notebook with values of its own in the parameter cell; return what each code cell showed."""
    notebook = nbformat.read(project_folder("notebooks") / name, as_version=4)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1, "one cell holds the parameters"
    tagged[0].source += "".join(f"\n{key} = {value!r}" for key, value in parameters.items())
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type == "stream" and out.name == "stderr"]
    return notebook, outputs


def text_of(notebook):
    """Return the last cell's answer."""
    return notebook.cells[-1].outputs[-1]["data"]["text/plain"]


def figures_in(outputs):
    """Count the Bokeh pictures."""
    return sum("application/vnd.bokehjs_exec.v0+json" in out.get("data", {}) for out in outputs)


def test_the_calculator_story_prices_an_option_and_says_what_moves_it(tmp_path):
    notebook, outputs = run("02_price_an_option.ipynb", tmp_path)
    assert "7.95 and 5.99 $" in text_of(notebook)  # Black-Scholes, also by QuantLib
    assert figures_in(outputs) >= 4


def test_the_surface_story_runs_on_the_demo_desk_and_says_that_its_quotes_are_modelled(demo_home, tmp_path):
    notebook, outputs = run("03_read_the_surface.ipynb", tmp_path, home=str(demo_home))
    said = "".join(out.text for out in outputs if out.output_type == "stream")
    assert "The quotes are modelled" in said
    assert "yes, on the grid" in text_of(notebook)
    assert figures_in(outputs) >= 5


def test_the_news_story_runs_on_an_invented_feed_and_measures_its_scorers(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook, outputs = run("06_read_the_news.ipynb", tmp_path)
    said = "".join(out.text for out in outputs if out.output_type == "stream")
    assert "news.finbert_path" in said  # no model here, and the notebook says so
    answer = text_of(notebook)
    assert "HLVN" in answer
    assert "94% of 180" in answer
    assert "33%" in answer
    assert figures_in(outputs) >= 2


@pytest.mark.slow
def test_the_surface_story_reads_a_chain_of_the_users_own(demo_desk, tmp_path):
    """A file in another shape, read into a desk of its own; the user's is not touched."""
    chain = demo_desk.chain("IBM")
    columns = {"symbol": "contractSymbol", "bid": "bid", "ask": "ask", "spot": "underlying_price"}
    file = tmp_path / "mine.csv"
    theirs = chain[list(columns)].rename(columns=columns)
    theirs.assign(quote_date="2013-03-01", exercise="european").to_csv(file, index=False)
    notebook, _ = run("03_read_the_surface.ipynb", tmp_path, chain_file=str(file), symbol="IBM")
    assert "yes, on the grid" in text_of(notebook)


def test_the_story_of_your_own_file_loads_it_and_says_what_was_refused(tmp_path):
    notebook, outputs = run("04_load_your_own_data.ipynb", tmp_path)
    assert "100 bars of AAPL" in text_of(notebook)  # 103 sessions, three of them refused
    assert "4 rows were refused" in text_of(notebook)
    assert figures_in(outputs) >= 1


def test_the_story_of_trust_finds_the_one_odd_bar_and_shows_why_it_is_right(demo_home, tmp_path):
    notebook, outputs = run("05_can_i_trust_these_data.ipynb", tmp_path, home=str(demo_home))
    assert "Sessions missing: 0. Odd bars: 1. Rows refused: 0." in text_of(notebook)
    assert figures_in(outputs) >= 1
    tables = "".join(out["data"]["text/plain"] for out in outputs if "text/plain" in out.get("data", {}))
    assert "-51.9" in tables  # Apple on 29 September 2000
