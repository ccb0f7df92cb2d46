"""Files that are no ledger, disks that are full and places that cannot be written: told in one paragraph."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ledger_samples import join, make_conclusion, make_episode

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.schema import CHECKSUM, MIGRATED, SEALED, VERSION, checksum
from pytest_robustplus.results.events import EpisodeEvents, Failure, Subgoal

NOBODY = 65534
EPISODES = 30


@pytest.fixture
def filled(path: Path) -> Path:
    """A closed ledger with some episodes, in one file."""
    with Ledger.open(path) as ledger:
        audit = join(ledger, "run-1")
        actions = np.random.default_rng(0).uniform(-1, 1, (100, 7)).astype(np.float32)
        for position in range(EPISODES):
            ledger.record(audit, position, make_episode(position, actions=actions))
    assert os.listdir(path.parent) == [path.name]
    return path


def refused(path: Path, pattern: str, **how: bool) -> None:
    """Opening says what, where and what to do, in one paragraph, and changes nothing."""
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(LedgerError, match=pattern) as caught:
        Ledger.open(path, **how)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert re.search(r"--robust-ledger|move it away|restore|delete it", message)
    after = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name not in before and not name.endswith(("-wal", "-shm"))]


@pytest.mark.parametrize(
    "content",
    [b"\x00" * 8192, b"not a ledger, a diary\n" * 100, b"x", np.random.default_rng(0).bytes(50_000)],
    ids=["zeros", "text", "one byte", "noise"],
)
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, "damaged|another application")


def test_an_empty_file_is_refused(path: Path) -> None:
    path.touch()
    refused(path, "is empty")


def test_a_directory_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(LedgerError, match="no regular file"):
        Ledger.open(path)


def test_a_missing_file_is_not_made_for_a_reader(path: Path) -> None:
    with pytest.raises(LedgerError, match="no such file"):
        Ledger.open(path, create=False)
    assert not path.exists()


def test_another_application_s_database_is_refused(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE episode (id)")
    refused(path, "another application")


@pytest.mark.parametrize(("version", "age"), [(VERSION + 1, "a newer"), (MIGRATED[0] - 1, "an older")])
def test_another_version_is_refused(filled: Path, version: int, age: str) -> None:
    with contextlib.closing(sqlite3.connect(filled)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    refused(filled, f"{age} pytest-robustplus .ledger version {version}")


def test_what_a_killed_process_left_beside_a_ledger_of_another_version_stays(filled: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    with contextlib.closing(sqlite3.connect(filled)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
        for suffix in ("", "-wal"):
            shutil.copy(filled.with_name(filled.name + suffix), killed / (filled.name + suffix))
    assert (killed / "ledger.sqlite-wal").stat().st_size > 0
    refused(killed / "ledger.sqlite", "a newer pytest-robustplus")


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_truncated_file_is_refused(filled: Path, kept: float) -> None:
    content = filled.read_bytes()
    filled.write_bytes(content[: int(len(content) * kept)])
    refused(filled, "damaged")


def test_garbage_inside_the_file_is_found_at_opening(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    for start in range(8192, len(content), 3 * 8192):
        content[start : start + 64] = np.random.default_rng(start).bytes(64)
    filled.write_bytes(content)
    refused(filled, "damaged")


def test_garbage_that_nobody_looked_for_is_told_when_it_is_met(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    for start in range(8192, len(content), 8192):
        content[start : start + 64] = np.random.default_rng(start).bytes(64)
    filled.write_bytes(content)

    def use() -> None:
        with Ledger.open(filled, verify=False) as ledger:
            ledger.episode("last")
            join(ledger, "run-2")

    with pytest.raises(LedgerError, match="damaged"):
        use()


@contextlib.contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """Change records behind the back of their checksums."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        for table in SEALED:
            database.execute(f"DROP TRIGGER resealed_{table}")
        yield database
        database.commit()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE actions SET data = substr(data, 1, 100)", "30 records of the table actions"),
        ("UPDATE episode SET success = 1 - success WHERE position = 4", "1 records of the table episode"),
        ("UPDATE episode SET position = position + 100", "30 records of the table episode"),
        ("DELETE FROM episode WHERE position = 4", "1 of 30 records of the table episode are missing"),
        ("UPDATE audit SET checkpoint = 'another'", "1 records of the table audit"),
        ("UPDATE part SET joined = 'never'", "1 records of the table part"),
        ("UPDATE run SET exitstatus = 0", "1 records of the table run"),
        ("UPDATE provenance SET facts = '{}'", "1 records of the table provenance"),
        ("DELETE FROM provenance", "belong to others that are missing"),
    ],
)
def test_records_that_rotted_are_told_at_opening(filled: Path, change: str, said: str) -> None:
    with tampering(filled) as database:
        database.execute(change)
    refused(filled, said)


def test_actions_that_rotted_are_told_when_nobody_looked_before(filled: Path) -> None:
    with tampering(filled) as database:
        database.execute("UPDATE actions SET data = substr(data, 1, 100)")
    with Ledger.open(filled, verify=False) as ledger, pytest.raises(LedgerError, match="damaged"):
        ledger.episode("last")


def contents(path: Path) -> tuple[object, ...]:
    """All that a ledger says, in a form that can be compared."""
    with Ledger.open(path) as ledger:
        episodes = [ledger.episode(e.id) for e in ledger.episodes(1)]
        actions = [b"" if e.record.actions is None else e.record.actions.tobytes() for e in episodes]
        return actions, ledger.episodes(1), ledger.prefix(1), ledger.audits(), ledger.runs()


def test_two_exchanged_pages_are_told(filled: Path, tmp_path: Path) -> None:
    content, wanted = filled.read_bytes(), contents(filled)
    pages = [content[start : start + 8192] for start in range(0, len(content), 8192)]
    told = 0
    for first in range(1, len(pages)):
        for second in range(first + 1, min(first + 6, len(pages))):
            swapped = pages.copy()
            swapped[first], swapped[second] = swapped[second], swapped[first]
            copy = tmp_path / "swapped.sqlite"
            copy.write_bytes(b"".join(swapped))
            try:
                assert contents(copy) == wanted
            except LedgerError:
                told += 1
    assert told > 20


def test_a_flipped_bit_anywhere_is_told_or_harmless(filled: Path, tmp_path: Path) -> None:
    content, wanted = filled.read_bytes(), contents(filled)
    dice = np.random.default_rng(5)
    told = 0
    for _ in range(150):
        flipped = bytearray(content)
        flipped[dice.integers(100, len(content))] ^= 1 << dice.integers(8)
        copy = tmp_path / "flipped.sqlite"
        copy.write_bytes(flipped)
        try:
            assert contents(copy) == wanted
        except LedgerError:
            told += 1
    assert told > 40


@pytest.mark.parametrize("version", MIGRATED)
def test_a_ledger_of_a_version_before_is_brought_to_this_one(filled: Path, version: int) -> None:
    wanted = contents(filled)
    with contextlib.closing(sqlite3.connect(filled)) as database:
        database.execute("DROP TABLE findings")
        if version < 4:
            database.execute("DROP TABLE happened")
        if version == 2:
            for table in SEALED.keys() - {"happened", "findings"}:
                database.execute(f"DROP TRIGGER sealed_{table}")
                database.execute(f"DROP TRIGGER resealed_{table}")
                database.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
            database.execute("ALTER TABLE worker DROP COLUMN awake")
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
    with ThreadPoolExecutor(4) as pool:
        assert set(map(repr, pool.map(contents, [filled] * 8))) == {repr(wanted)}
    with Ledger.open(filled) as ledger:
        events = EpisodeEvents(Failure.DROPPED, (Subgoal("lift milk_1", 12),))
        number = ledger.record(join(ledger, "run-2"), EPISODES, make_episode(EPISODES, events=events))
        assert ledger.episode(number).record.events == events
        assert ledger.episode(1).record.events is None
    with tampering(filled) as database:
        database.execute("UPDATE happened SET events = replace(events, '12', '13')")
    refused(filled, "1 records of the table happened do not match")


def test_checksums_are_the_same_wherever_they_are_made() -> None:
    assert checksum(1, None, 0.1, "a\u2028ü", b"\x00\xff", True) == 2774289212
    assert checksum() != checksum(None)
    assert CHECKSUM == "record_checksum"


def test_a_flipped_bit_in_the_header_is_refused_or_harmless(filled: Path, tmp_path: Path) -> None:
    """The 100 bytes that SQLite's file format starts with; some, such as its change counter, may hold anything."""
    content = filled.read_bytes()
    with Ledger.open(filled) as ledger:
        wanted = ledger.episodes(1)
    refusals: list[str] = []
    for offset in range(100):
        flipped = bytearray(content)
        flipped[offset] ^= 1 << (offset * 5 % 8)
        copy = tmp_path / f"flip-{offset}" / "ledger.sqlite"
        copy.parent.mkdir()
        copy.write_bytes(flipped)
        try:
            with Ledger.open(copy) as ledger:
                assert ledger.episodes(1) == wanted, offset
                join(ledger, "run-2")
        except LedgerError as error:
            refusals.append(str(error))
            unchanged = copy.read_bytes() == flipped
            assert unchanged, offset
    assert len(refusals) >= 30
    assert not any("\n" in message for message in refusals)


@pytest.mark.parametrize("below", [True, False])
def test_a_file_in_the_way_of_the_directory_is_told(tmp_path: Path, below: bool) -> None:
    (tmp_path / "taken").write_text("mine")
    path = tmp_path / "taken" / ("deeper/ledger.sqlite" if below else "ledger.sqlite")
    with pytest.raises(LedgerError, match="make the file and its directory writable"):
        Ledger.open(path)
    assert (tmp_path / "taken").read_text() == "mine"


@contextlib.contextmanager
def somebody_else() -> Iterator[Path]:
    """A directory of their own and, for root, whom no permission stops, the rights of nobody."""
    root = os.geteuid() == 0
    directory = Path(tempfile.mkdtemp(prefix="robustplus-"))
    directory.chmod(0o755)
    if root:
        os.chown(directory, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield directory
    finally:
        if root:
            os.seteuid(0)
        directory.chmod(0o755)
        shutil.rmtree(directory)


def test_a_read_only_directory_is_told() -> None:
    with somebody_else() as directory:
        directory.chmod(0o555)
        with pytest.raises(LedgerError, match="writable or name another file with --robust-ledger"):
            Ledger.open(directory / "ledger.sqlite")
        with pytest.raises(LedgerError, match="writable or name another file with --robust-ledger"):
            Ledger.open(directory / "deeper" / "ledger.sqlite")


@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_a_read_only_file_is_told_before_the_first_episode(mode: int) -> None:
    with somebody_else() as directory:
        path = directory / "ledger.sqlite"
        with Ledger.open(path) as ledger:
            join(ledger, "run-1")
        before = path.read_bytes()
        path.chmod(mode)
        with pytest.raises(LedgerError, match=r"cannot be written .* writable"):
            Ledger.open(path)
        path.chmod(0o644)
        assert path.read_bytes() == before


def test_a_ledger_in_a_directory_that_became_read_only_is_told() -> None:
    with somebody_else() as directory:
        path = directory / "ledger.sqlite"
        Ledger.open(path).close()
        path.chmod(0o444)
        directory.chmod(0o555)
        with pytest.raises(LedgerError, match=r"cannot be written .* writable"):
            Ledger.open(path)


def fill(ledger: Ledger, audit: int) -> int:
    """Record until it fails and return how many episodes were recorded."""
    actions = np.random.default_rng(0).uniform(-1, 1, (100, 7))
    for position in range(10_000):
        try:
            ledger.record(audit, position, make_episode(position, actions=actions))
        except LedgerError as error:
            message = str(error)
            assert "the disk is full (recording an episode). Everything recorded before is kept" in message
            assert str(ledger.path) in message
            return position
    raise AssertionError("the disk never filled up")


def test_a_database_that_may_not_grow_keeps_what_it_has(ledger: Ledger, audit: int) -> None:
    with ledger._connection.reading("limiting") as database:
        database.execute("PRAGMA max_page_count = 120")
    recorded = fill(ledger, audit)
    assert recorded > 20
    with ledger._connection.reading("limiting") as database:
        database.execute("PRAGMA max_page_count = 100000")
    assert len(ledger.prefix(audit)) == recorded
    ledger.record(audit, recorded, make_episode(recorded))
    ledger.close_audit(audit, make_conclusion())
    with Ledger.open(ledger.path) as other:
        assert len(other.prefix(audit)) == recorded + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(disk)], capture_output=True)
    if mounting.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_keeps_what_was_recorded_and_the_next_run_resumes(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(256 * 1024))
    path = small_disk / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        audit = join(ledger, "run-1")
        recorded = fill(ledger, audit)
        assert recorded > 20
        assert len(ledger.prefix(audit)) == recorded
        with contextlib.suppress(LedgerError):
            ledger.end_run("run-1", 1)
    with contextlib.suppress(LedgerError), Ledger.open(path) as ledger:
        assert ledger.episode("last").position == recorded - 1
    ballast.unlink()
    with Ledger.open(path) as ledger:
        ledger.begin_run("run-2", command="", versions={})
        assert join(ledger, "run-2") == audit
        assert len(ledger.prefix(audit)) == recorded
        ledger.record(audit, recorded, make_episode(recorded))


def test_a_disk_that_is_nearly_full_holds_a_whole_ledger_or_none(small_disk: Path) -> None:
    outcomes: set[object] = set()
    for spare in range(8, 720, 16):
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes((1536 - spare) * 1024))
        path = small_disk / "ledger.sqlite"
        try:
            Ledger.open(path).close()
        except LedgerError as error:
            outcomes.add("disk" in str(error) or "written" in str(error))
        ballast.unlink()
        if path.exists():
            Ledger.open(path).close()
            outcomes.add("made")
            path.unlink()
        assert os.listdir(small_disk) == [], spare
    assert outcomes == {True, "made"}


def test_a_disk_too_full_for_an_empty_ledger_is_told(small_disk: Path) -> None:
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb") as ballast:
        while True:
            ballast.write(bytes(4096))
            ballast.flush()
    with pytest.raises(LedgerError, match=r"disk|written"):
        Ledger.open(small_disk / "ledger.sqlite")
    assert os.listdir(small_disk) == ["ballast"]


def test_a_lock_that_is_never_given_back_is_told(
    ledger: Ledger, audit: int, monkeypatch: pytest.MonkeyPatch, play: Callable[..., list[int]]
) -> None:
    play(0)
    with contextlib.closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ledger._connection.reading("limiting") as database:
            database.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(LedgerError, match="another process has kept it locked"):
            play(1)
        assert ledger.prefix(audit) == [False], "reading goes on while another process writes"
    play(1)
    assert ledger.prefix(audit) == [False, True]


def test_a_failed_transaction_leaves_no_half(ledger: Ledger, audit: int) -> None:
    with pytest.raises(LedgerError, match="constraint"):
        ledger.record(audit, 0, make_episode(0, steps=None, actions=np.zeros((2, 7)), provenance={"new": "facts"}))
    with ledger._connection.reading("counting") as database:
        assert database.execute("SELECT count(*) FROM provenance").fetchone() == (0,)
    ledger.record(audit, 0, make_episode(0, provenance={"new": "facts"}))
    assert ledger.episode("last").record.provenance == {"new": "facts"}


def test_those_who_create_at_once_share_one_ledger(path: Path) -> None:
    def begin(number: int) -> None:
        with Ledger.open(path) as ledger:
            ledger.begin_run(f"run-{number}", command="", versions={})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(32)))
    with Ledger.open(path) as ledger:
        assert len(ledger.runs()) == 32
    assert os.listdir(path.parent) == [path.name]
