"""What must outlast the server: AWS-shaped documents, and the events not yet delivered.

One SQLite file; a state change and its event are committed together, so neither is lost alone.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""A structure of one of the service models, with times as numbers."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, id TEXT, body TEXT, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);
"""


class Store:
    """Thread-safe. `put` and `put_event` want a `transaction` around them."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and no other thread's reads or writes in between. Does not nest."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def get(self, kind: str, document_id: str) -> Document | None:
        rows = self._query(
            "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, document_id)
        )
        return dict(json.loads(rows[0][0])) if rows else None

    def all(self, kind: str) -> list[Document]:
        """All documents of `kind`, the newest first."""
        rows = self._query(
            "SELECT body FROM documents WHERE kind = ? ORDER BY sequence DESC", (kind,)
        )
        return [json.loads(body) for (body,) in rows]

    def put(self, kind: str, document_id: str, document: Document) -> None:
        self._query(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, document_id, json.dumps(document)),
        )

    def put_event(self, event: Document) -> None:
        self._query("INSERT INTO events (body) VALUES (?)", (json.dumps(event),))

    def first_event(self) -> tuple[int, Document] | None:
        """The oldest event with its number."""
        rows = self._query("SELECT sequence, body FROM events ORDER BY sequence LIMIT 1", ())
        return (rows[0][0], json.loads(rows[0][1])) if rows else None

    def remove_event(self, sequence: int) -> None:
        self._query("DELETE FROM events WHERE sequence = ?", (sequence,))

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()
