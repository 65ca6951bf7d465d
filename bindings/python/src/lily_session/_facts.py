"""What a storage returns, and is told: entries, facts, durability."""
import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ._native import lib
from ._values import RawJSON, parse


class Durability(enum.IntEnum):
    """What a change survives when the call that made it has returned."""

    PROCESS = lib.LILY_SESSION_DURABILITY_PROCESS
    """A change survives the end of the process. sync() makes it survive power loss."""
    POWER = lib.LILY_SESSION_DURABILITY_POWER
    """A change survives power loss. If it may not, the call raises NotDurableError."""


class Item(NamedTuple):
    """A stored entry, as Storage.each() returns it."""

    key: str
    json: RawJSON
    expires_at: Optional[datetime]
    """When the entry expires; None means never."""

    @property
    def value(self) -> Any:
        """The value that the JSON text stands for."""
        return parse(self.json)


@dataclass(frozen=True)
class StorageInfo:
    """Facts about a storage. For a scope they are those of its parent, unless scopes are files. Sizes are in bytes."""

    path: Optional[Path]
    """The path of the file; None if there is no file."""
    entries: int
    """The number of stored keys, including those of scopes and expired ones."""
    live_bytes: int
    """The size of these keys and their values, which the quota limits."""
    quota_bytes: int
    """The quota; -1 means no limit."""
    file_bytes: int
    """The size of the file."""
    damaged_lines: int
    """The number of lines that were skipped since the file was opened or rewritten."""
    last_compaction: Optional[datetime]
    """When this handle last rewrote the file; None if it has not."""
    durability: Durability
    """The durability that the storage was opened with."""
    owes_sync: bool
    """True if what this handle wrote is not known to survive power loss."""
    directory_is_open: bool
    """True if other users could put another file, or an older copy, in the file's place, because of the owner or the rights of its
    directory or of one above it."""
