"""What all tests share: a demo desk made once, and no desk of the user's own."""

import os
import shutil
from pathlib import Path

import pytest

os.environ.pop("WORKBENCH_HOME", None)
for name in [key for key in os.environ if key.startswith("WORKBENCH_")]:
    del os.environ[name]


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory) -> Path:
    """The folder of a demo desk, made once for the whole run; tests read it and do not write to it."""
    from workbench.desk.demo import make_demo

    home = tmp_path_factory.mktemp("demo") / "desk"
    make_demo(home).desk.close()
    return home


@pytest.fixture(scope="session")
def demo_desk(demo_home):
    """The demo desk, open for the whole run; for reading."""
    from workbench import Desk

    with Desk.open(demo_home) as desk:
        yield desk


@pytest.fixture
def demo_copy(demo_home, tmp_path) -> Path:
    """A copy of the demo desk's folder that a test may write to."""
    return Path(shutil.copytree(demo_home, tmp_path / "desk"))


@pytest.fixture
def desk(tmp_path):
    """An empty desk that a test may write to."""
    from workbench import Desk

    with Desk.open(tmp_path / "desk") as opened:
        yield opened
