"""The day's fetch: everything that the desk watches, from every service that it has, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.held import HeldQuestions
from workbench.desk.ingest_summary import SUMMARY, Complaint
from workbench.errors import ServiceError, WorkbenchError
from workbench.market.instruments import is_option_symbol, underlying_of
from workbench.providers import vendor_of

DAILY_KINDS = ("bars", "news", "earnings", "rates")
_RESULTS = ["service", "symbol", *SUMMARY]


@dataclass(frozen=True)
class DailyIngest:
    """What a day's fetch did.

    Attributes
    ----------
    results : DeskFrame
        service, symbol, and the rows new, changed, unchanged and quarantined.
    complaints : DeskFrame
        service, kind, asked, state, said, what_to_do: what could not be done.
    services : tuple of str
        Who was asked.
    calls, held, left : int
        Calls made, series that were held already, calls that are left.
    """

    results: DeskFrame
    complaints: DeskFrame
    services: tuple[str, ...]
    calls: int
    held: int
    left: int

    def _repr_html_(self) -> str:
        return self.results._repr_html_() + self.complaints._repr_html_()


class DailyQuestions(HeldQuestions):
    """Fetches what the desk watches."""

    def watched(self) -> dict[str, list[str]]:
        """Return the watch list by service: the setting `stream.watch`, and what was fetched before.

        A service that is connected and has neither gets the symbols of all the others.
        """
        lists = {name: list(symbols) for name, symbols in self.settings.stream.watch.items()}
        known = self._ledger.coverage.frame()
        for name, rows in known[known["kind"].eq("bars")].groupby("provider"):
            lists.setdefault(str(name), []).extend(map(str, rows["symbol"]))
        everything = {
            underlying_of(name) if is_option_symbol(name) else name
            for each in lists.values()
            for name in each
        }
        states = self.connections()["state"]
        for name in states.index[~states.isin(["not_connected", "not_asked"])]:
            lists.setdefault(str(name), sorted(everything))
        return {name: sorted(set(symbols)) for name, symbols in lists.items()}

    def ingest_daily(
        self,
        services: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
        *,
        kinds: Sequence[str] = DAILY_KINDS,
        start: str | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> DailyIngest:
        """Fetch what is missing of the watch list; a service that fails costs only itself.

        Parameters
        ----------
        services : sequence of str, optional
            Those of the watch list, if not given.
        symbols : sequence of str, optional
            Those that are watched for each service, if not given.
        kinds : sequence of str
            Of these each service is asked for what it gives.
        start : date, optional
            First day; unless given, as `Desk.ingest` has it.
        on_progress : callable, optional
            As in `Desk.ingest`.
        """
        self._require_trader("ingest data")
        lists = self.watched()
        chosen = list(lists) if services is None else list(services)
        results: list[pd.DataFrame] = []
        complaints: list[pd.DataFrame] = []
        calls = held = left = 0
        for service in chosen:
            names = list(symbols) if symbols is not None else lists.get(service, [])
            try:
                wanted = [kind for kind in kinds if kind in vendor_of(service).kinds]
                if not wanted:
                    continue
                summary = self.ingest(service, names, start=start, kinds=wanted, on_progress=on_progress)
            except WorkbenchError as error:
                # Whatever it is, the other services are still asked, and the report says it.
                state = error.state if isinstance(error, ServiceError) else "failed"
                told = Complaint(service, ", ".join(kinds), ", ".join(names[:3]), state, str(error))
                complaints.append(_complaint_frame(told))
                continue
            results.append(summary.reset_index().assign(service=service))
            complaints.append(summary.complaints)
            calls, held, left = calls + summary.calls, held + summary.held, left + summary.left
        result = pd.concat([pd.DataFrame(columns=_RESULTS), *results], ignore_index=True)[_RESULTS]
        told_frame = pd.concat([_complaint_frame(), *complaints], ignore_index=True)
        return DailyIngest(
            desk_frame(result.astype(dict.fromkeys(SUMMARY, "int64")), title="What came"),
            desk_frame(told_frame, title="What could not be done"),
            tuple(chosen),
            calls,
            held,
            left,
        )


def _complaint_frame(*complaints: Complaint) -> pd.DataFrame:
    columns = ["service", "kind", "asked", "state", "said", "what_to_do"]
    rows = [
        [each.service, each.kind, each.asked, each.state, each.said, each.what_to_do] for each in complaints
    ]
    return pd.DataFrame(rows, columns=columns)
