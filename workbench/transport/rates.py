"""How many calls a service allows, counted over every process of a desk."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyrate_limiter import InMemoryBucket, Limiter, SQLiteBucket
from pyrate_limiter import Rate as LimiterRate


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` calls in any `seconds`."""

    count: int
    seconds: float


class CallLimits:
    """The limits of one service, in named buckets; each call takes one place of its bucket.

    Parameters
    ----------
    folder : Path or None
        Where the counts lie that the processes of a desk share; None counts in this process alone.
    service : str
        Whose limits they are.
    rates : mapping of str to sequence of Rate
        Limits by bucket; a bucket that is not named has none.
    """

    def __init__(self, folder: Path | None, service: str, rates: Mapping[str, Sequence[Rate]]) -> None:
        self._folder = folder
        self._service = service
        self._rates = {name: list(limits) for name, limits in rates.items() if limits}
        self._limiters: dict[str, Limiter] = {}
        self._buckets: list[SQLiteBucket] = []
        # The library's file lock keeps processes apart, not the threads of one.
        self._turn = threading.Lock()

    def take(self, bucket: str, patience: float) -> bool:
        """Wait for a place in a bucket, and say whether one came free within `patience` seconds."""
        if bucket not in self._rates:
            return True
        with self._turn:
            limiter = self._limiters.get(bucket) or self._limiters.setdefault(bucket, self._made(bucket))
            return bool(limiter.try_acquire(self._service, timeout=patience))

    def close(self) -> None:
        """Release the files."""
        for limiter in self._limiters.values():
            limiter.close()
        self._limiters.clear()

    def _made(self, bucket: str) -> Limiter:
        # The library wants the shortest window first.
        limits = sorted(self._rates[bucket], key=lambda rate: rate.seconds)
        rates = [LimiterRate(rate.count, max(1, round(rate.seconds * 1000))) for rate in limits]
        if self._folder is None:
            return Limiter(InMemoryBucket(rates))
        self._folder.mkdir(parents=True, exist_ok=True)
        table = "".join(letter if letter.isalnum() else "_" for letter in f"{self._service}_{bucket}")
        return Limiter(
            SQLiteBucket.init_from_file(
                rates, table=table, db_path=str(self._folder / "limits.sqlite"), use_file_lock=True
            )
        )
