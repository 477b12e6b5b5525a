"""What a source of news has edited or taken back since it was last asked."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from workbench.desk.ingest import quarantine_rows
from workbench.desk.ingest_summary import Complaint, IngestSummary, ingest_summary
from workbench.errors import IncompleteAnswerError, ServiceError
from workbench.market.schemas import NEWS, check_news, names
from workbench.store import Lake


def fetch_changes(
    lake: Lake,
    provider: Any,
    symbols: Sequence[str] | None,
    since: pd.Timestamp,
    *,
    summary: IngestSummary,
    removed: str,
    now: pd.Timestamp,
) -> IngestSummary:
    """Write stories that changed since an instant; of sources that do not tell it nothing happens.

    Parameters
    ----------
    lake : Lake
        Where stories go; the words of before stay in its history.
    provider : Provider
        Asked for `changed_news` and `removed_news`, where it has them.
    symbols : sequence of str or None
        Whom stories are about.
    since : Timestamp
        The newest change that was known before.
    summary : IngestSummary
        Of the fetch of new stories; what changes is added to it.
    removed : str
        The headline of a story that was taken back.
    now : Timestamp
        The wall clock.
    """
    counts, complaints = [pd.DataFrame(summary)], []
    steps: dict[str, Callable[[], pd.DataFrame]] = {
        "edited stories": lambda: _edited(lake, provider, symbols, since),
        "removed stories": lambda: _removed(lake, provider, since, removed, now),
    }
    for what, step in steps.items():
        try:
            counts.append(step())
        except ServiceError as error:
            complaints.append(Complaint(provider.name, "news", what, error.state, str(error)))
    result = ingest_summary(
        pd.concat(counts),
        title=summary.title,
        complaints=complaints,
        calls=summary.calls,
        held=summary.held,
        left=summary.left,
    )
    result.note = summary.note
    return result


def _edited(lake: Lake, provider: Any, symbols: Sequence[str] | None, since: pd.Timestamp) -> pd.DataFrame:
    if not hasattr(provider, "changed_news"):
        return _none()
    try:
        rows = provider.changed_news(since, symbols)
    except IncompleteAnswerError as error:
        # What came is on the desk before the complaint; the next fetch asks for the rest.
        _write(lake, error.rows, provider.label)
        raise
    return _write(lake, rows, provider.label)


def _removed(lake: Lake, provider: Any, since: pd.Timestamp, removed: str, now: pd.Timestamp) -> pd.DataFrame:
    if not hasattr(provider, "removed_news"):
        return _none()
    gone = provider.removed_news(since)
    if gone.empty:
        return _none()
    there = lake.read("news", where={"source": provider.label, "source_id": gone["source_id"].tolist()})
    if there.empty:
        return _none()
    when = gone.set_index("source_id")["updated_at"].reindex(there["source_id"]).to_numpy()
    there = there.assign(
        headline=removed,
        summary=None,
        url=None,
        sentiment=float("nan"),
        scorer=None,
        updated_at=pd.Series(when, index=there.index).fillna(now),
    )
    return _write(lake, there[names(NEWS)], provider.label)


def _write(lake: Lake, rows: pd.DataFrame, source: str) -> pd.DataFrame:
    if rows.empty:
        return _none()
    good, bad = check_news(rows)
    quarantine_rows(lake, "news", bad, source)
    counts = lake.write("news", good, source=source).sum()
    told = pd.DataFrame([counts], index=pd.Index(["(news)"], name="symbol"))
    # Stories of the overlap were counted by the fetch before.
    return told.assign(unchanged=0)


def _none() -> pd.DataFrame:
    columns = ("new", "changed", "unchanged", "quarantined")
    return pd.DataFrame({name: pd.Series(dtype="int64") for name in columns})
