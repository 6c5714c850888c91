"""What is known of a table before anybody normalizes it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Truth:
    """`mean` and `std` (of the population) are those of `columns`, the ones to normalize.

    It lies beside the table's Parquet file, and is there only when that is whole.
    """

    rows: int
    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @staticmethod
    def path(parquet: Path) -> Path:
        return parquet.with_suffix(".json")

    @classmethod
    def load(cls, parquet: Path) -> Truth:
        found = json.loads(cls.path(parquet).read_text(encoding="utf-8"))
        lists = (tuple(found[name]) for name in ("columns", "mean", "std"))
        return cls(found["rows"], *lists)

    def save(self, parquet: Path) -> None:
        self.path(parquet).write_text(json.dumps(asdict(self)), encoding="utf-8")
