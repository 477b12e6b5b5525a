"""Run a stream of the plain feed on a desk in a process of its own: home, address, history kinds, symbols.

Started as a script by the tests that kill it, with the project's folder first in its arguments.
"""

import asyncio
import sys
import types
from pathlib import Path


def main() -> int:
    project, home, http_url, ws_url, history, *symbols = sys.argv[1:]
    # Some other package's `tests` may be installed; these are the project's.
    tests = types.ModuleType("tests")
    tests.__path__ = [str(Path(project) / "tests")]
    sys.modules["tests"] = tests
    from tests.servers.feed import PlainProvider
    from workbench.desk.logs import configure_logging
    from workbench.desk.stream import StreamWorker
    from workbench.desk.stream_line import StreamPlan
    from workbench.settings import load_settings
    from workbench.store import Lake, Ledger

    folder = Path(home)
    settings = load_settings(folder)
    configure_logging(folder)
    provider = PlainProvider(http_url, ws_url, history=tuple(filter(None, history.split(","))))
    plan = StreamPlan("plain", tuple(symbols), lambda: provider)
    with Lake.open(folder / "lake") as lake, Ledger.open(folder / "ledger.sqlite") as ledger:
        return 0 if asyncio.run(StreamWorker(folder, settings, lake, ledger, [plan]).run()) else 1


if __name__ == "__main__":
    sys.exit(main())
