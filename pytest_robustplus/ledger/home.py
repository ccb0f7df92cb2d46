"""Where a project's ledger lies: in a folder of its own, since what cannot be recomputed is no cache."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sqlite3
from pathlib import Path

from pytest_robustplus.errors import LedgerError

FOLDER = ".robustplus"
NAME = "ledger.sqlite"
# What machines share, as the kernel calls it.
SHARED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "afs", "9p", "sshfs"}
    | {"orangefs", "pvfs2", "wekafs", "panfs", "gcsfuse", "s3fs", "juicefs", "JuiceFS", "dfs"}
)
OLD = Path("d", "robustplus", NAME)
"""Where it lay in pytest's cache, which ``pytest --cache-clear`` deletes."""


def ledger_of(root: Path, cache: Path) -> Path:
    """The place of the ledger of the project at ``root``; brings one there that still lies in pytest's ``cache``.

    Raises ``LedgerError`` when that is in use or cannot be moved.
    """
    path, old = root / FOLDER / NAME, cache / OLD
    if old.is_file() and not path.exists():
        make_folder(path.parent)
        try:
            # Workers of one run come here together.
            with (path.parent / "moving").open("a") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                if old.is_file() and not path.exists():
                    _move(old, path)
        except OSError as error:
            raise LedgerError(
                f"The ledger {old} cannot be moved to {path}, where it is safe from --cache-clear: {error.strerror}."
                " Make the folder writable, or name a file with --robust-ledger."
            ) from error
    return path


def make_folder(folder: Path) -> None:
    """Make the folder, which ignores itself under git; raises ``LedgerError``."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("# Recorded episodes, made by pytest-robustplus.\n*\n")
    except OSError as error:
        raise LedgerError(
            f"The folder {folder} for the ledger cannot be made: {error.strerror}. Make its parent writable, or name a"
            " file with --robust-ledger."
        ) from error


def network(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Name the file system below ``path`` if machines share it: SQLite's locks do not reach from one to another."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return None
    folder = path.resolve()
    below: tuple[int, str] = (-1, "")
    for words in lines:
        # proc(5): the fifth word is the mount point, and the type follows a lone hyphen.
        point = Path(words[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= below[0]:
            below = len(point.parts), words[words.index("-") + 1]
    kind = below[1]
    return kind if kind.removeprefix("fuse.") in SHARED else None


def _move(old: Path, new: Path) -> None:
    """Move a ledger that nobody uses, with what its write-ahead log still holds."""
    try:
        with contextlib.closing(sqlite3.connect(old, timeout=1.0, isolation_level=None)) as database:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")
            database.execute("COMMIT")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise LedgerError(
            f"The ledger {old} is to be moved to {new}, where it is safe from --cache-clear, but {error}. End the run"
            " that uses it, or name it with --robust-ledger."
        ) from error
    # Complete under a name of its own before it has the right one, also from one disk to another.
    draft = new.with_name(f".{new.name}.moving")
    shutil.move(old, draft)
    draft.rename(new)
