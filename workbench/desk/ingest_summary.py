"""What an ingest did, what it was told, and what is left: the answer to whoever asked for it."""

from dataclasses import asdict, dataclass

import pandas as pd

from workbench.desk.frames import SHOWN_ROWS, DeskFrame, table_html

SUMMARY = ["new", "changed", "unchanged", "quarantined"]
# A service in one of these states has nothing more to give for now.
STOPPING = frozenset({"not_connected", "needs_login", "rate_limited", "unreachable"})
_ADVICE = {
    "not_connected": "workbench connect {service}",
    "needs_login": "workbench connect {service}",
    "rate_limited": "run it again later; it goes on where it stopped",
    "unreachable": "run it again later; it goes on where it stopped",
    "refused": "see what your plan holds",
    "bad_answer": "run it again; `workbench quarantine` shows what was set aside",
    "incomplete": "run it again; it asks for the rest",
    "unknown_symbol": "check the symbol",
    "unsupported": "ask another provider",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that went wrong: where, in which state, in whose words."""

    service: str
    kind: str
    asked: str
    state: str
    said: str

    @property
    def what_to_do(self) -> str:
        """What the user can do about it."""
        return _ADVICE.get(self.state, "run it again").format(service=self.service)


class IngestSummary(DeskFrame):
    """Rows new, changed, unchanged and quarantined by symbol, with what must be said beside them.

    Attributes
    ----------
    complaints : DataFrame
        service, kind, asked, state, said, what_to_do: one row for each thing that could not be done.
    calls : int
        How often a provider was asked.
    held : int
        Series that the desk held already; nobody was asked for them.
    left : int
        Calls that were not made, because their service had nothing more to give for now.
    """

    _metadata = [*DeskFrame._metadata, "complaints", "calls", "held", "left"]  # noqa: RUF012
    complaints: pd.DataFrame
    calls: int
    held: int
    left: int

    @property
    def _constructor(self) -> type["IngestSummary"]:
        return IngestSummary

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is on the desk now."""
        return not len(self.complaints) and not self.left

    def lines(self) -> list[str]:
        """Say what went wrong and what to do, a line each; none when all is well."""
        told = self.complaints[["said", "what_to_do"]].astype(str)
        said = [
            words if advice in words else f"{words} → {advice}"
            for words, advice in zip(told["said"], told["what_to_do"], strict=True)
        ]
        if self.left:
            calls = "1 call is" if self.left == 1 else f"{self.left:,} calls are"
            said.append(f"{calls} left; run the same command again and it goes on from here.")
        return list(dict.fromkeys(said))  # one trouble may have met several calls

    def _repr_html_(self) -> str:
        shown = table_html(self, title=self.title, note=self.note, formats=self.formats)
        if self.complaints.empty:
            return shown
        told = table_html(
            self.complaints.head(SHOWN_ROWS), title="What could not be done", note="", formats={}
        )
        return shown + told


def ingest_summary(
    counts: pd.DataFrame, *, title: str, complaints: list[Complaint], calls: int, held: int, left: int
) -> IngestSummary:
    """Return the counts per symbol as one frame, symbols in order, with all that must be said."""
    total = counts.groupby(level=0).sum().sort_index()
    total.index.name = "symbol"
    result = IngestSummary(total.reindex(columns=SUMMARY, fill_value=0).astype("int64"))
    columns = ["service", "kind", "asked", "state", "said", "what_to_do"]
    told = [{**asdict(each), "what_to_do": each.what_to_do} for each in complaints]
    result.complaints = pd.DataFrame(told, columns=columns)
    result.calls, result.held, result.left = calls, held, left
    note = f"{calls:,} calls, {held:,} series held already"
    result.title, result.note, result.formats = title, note, {}
    return result
