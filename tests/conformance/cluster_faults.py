"""What losses of a cluster cost, on the toy benchmark over network namespaces; cluster.sh makes these and calls this.

Every scenario: the verdicts of one process, no position finished twice, nothing lost that was recorded.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toy import BASELINES, SUITE

from pytest_robustplus.ledger import Ledger

HEAD = "10.78.0.1:6379"
SUPPORT = Path(__file__).parents[1] / "support"
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "a-token-of-this-test-and-of-nothing-else",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
    "TOY_SECONDS": "0.25",
}
MODEL = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-baseline=none", "--robust-budget=40"]


def inside(host: int, *command: str, **environment: str) -> list[str]:
    """A command in a host's network."""
    given = [f"{name}={value}" for name, value in {**ENVIRONMENT, **environment}.items()]
    return ["ip", "netns", "exec", f"rp{host}", "env", *given, *command]


def ray(host: int, *arguments: str) -> None:
    script = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
    own = ["--num-cpus=0" if host == 0 else "--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats"]
    address = ["--node-ip-address", f"10.78.0.{host + 1}"]
    done = subprocess.run(
        inside(host, sys.executable, "-c", script, "start", *arguments, *address, *own),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise SystemExit(f"ray start on host {host} failed:\n{done.stdout[-800:]}\n{done.stderr[-800:]}")


def head() -> None:
    ray(0, "--head", "--port=6379", "--include-dashboard=false")


def node(host: int) -> None:
    ray(host, f"--address={HEAD}")


def processes(host: int, word: str) -> list[int]:
    """Processes of a host whose command line holds a word."""
    pids = subprocess.run(["ip", "netns", "pids", f"rp{host}"], capture_output=True, text=True).stdout.split()
    found = []
    for pid in map(int, pids):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line:
            found.append(pid)
    return found


def kill(host: int, word: str, number: signal.Signals = signal.SIGKILL) -> None:
    found = processes(host, word)
    assert found, f"no {word} on host {host}"
    for pid in found:
        os.kill(pid, number)


def raze(host: int) -> None:
    """End everything on a host at once."""
    for pid in processes(host, ""):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def project() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text("from toy import pytest_robustplus_benchmarks, pytest_robustplus_models")
        (folder / "test_suite.py").write_text(SUITE)
        (folder / "toy_baselines.toml").write_text(BASELINES)
        (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {SUPPORT}\nrobust_baselines = toy_baselines.toml\n")
        yield folder


def pytest_of(folder: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *MODEL, "--robust-ledger=l.sqlite", *more]
    return subprocess.Popen(
        inside(0, *command, **environment), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def on_cluster(folder: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    size = [] if any("simulators" in one for one in more) else ["--robust-simulators=2"]
    return pytest_of(folder, f"--robust-cluster={HEAD}", *size, *more, **environment)


def count(folder: Path) -> int:
    try:
        with Ledger.open(folder / "l.sqlite", create=False, verify=False) as ledger:
            return sum(len(ledger.outcomes(audit.id)) for audit in ledger.audits())
    except Exception:
        return 0


def wait_for(folder: Path, episodes: int, process: subprocess.Popen[str], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while count(folder) < episodes:
        if process.poll() is not None:
            raise SystemExit(f"ended early:\n{process.communicate()[0][-3000:]}")
        if time.monotonic() > until:
            process.kill()
            raise SystemExit(f"{count(folder)} episodes after {seconds} s:\n{process.communicate()[0][-3000:]}")
        time.sleep(0.2)


def ended(process: subprocess.Popen[str], seconds: float = 240) -> str:
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SystemExit(f"did not end:\n{process.communicate()[0][-3000:]}") from None
    return said


def outcomes(folder: Path) -> tuple[dict[int, tuple[bool | None, str]], int]:
    """What came of each position, and how many tries ended in error; no position has two ends."""
    with Ledger.open(folder / "l.sqlite", create=False) as ledger:
        (audit,) = {audit.id for audit in ledger.audits()}
        episodes = ledger.episodes(audit)
    finished = [e for e in episodes if e.record.success is not None]
    assert max(Counter(e.position for e in finished).values(), default=0) <= 1, "a position finished twice"
    return {e.position: (e.record.success, e.record.state_hash) for e in finished}, len(episodes) - len(finished)


def check(name: str, folder: Path, said: str, *, faults: int = 0, verdict: str = "1 skipped") -> None:
    found, tries = outcomes(folder)
    assert found == EXPECTED, f"{name}: {len(found)} positions\n{said[-3000:]}"
    assert tries == faults, f"{name}: {tries} tries in error, expected {faults}\n{said[-3000:]}"
    assert verdict in said, f"{name}:\n{said[-3000:]}"
    took = time.monotonic() - BEGAN
    print(f"{name}: 40 positions as in one process, {tries} tries in error, {took:.0f} s", flush=True)


def scenario(name: str, injure: Callable[[Path, subprocess.Popen[str]], None], *, faults: int = 0) -> None:
    with project() as folder:
        process = on_cluster(folder)
        wait_for(folder, 6, process)
        injure(folder, process)
        check(name, folder, ended(process), faults=faults)


def raylet_dies(folder: Path, process: subprocess.Popen[str]) -> None:
    kill(2, "raylet/raylet")
    wait_for(folder, 14, process)
    node(2)


def link_is_cut(folder: Path, process: subprocess.Popen[str]) -> None:
    subprocess.run(["ip", "-n", "rp0", "link", "set", "v2", "down"], check=True)
    time.sleep(8)
    subprocess.run(["ip", "-n", "rp0", "link", "set", "v2", "up"], check=True)


def head_dies(folder: Path, process: subprocess.Popen[str]) -> None:
    kill(0, "gcs_server")
    before = count(folder)
    time.sleep(6)
    assert process.poll() is None, f"pytest died with the head:\n{process.communicate()[0][-2000:]}"
    assert count(folder) > before, "simulators play on while the head is away"


def main() -> None:
    chosen = set(sys.argv[2:])
    with project() as folder:
        process = pytest_of(folder, TOY_SECONDS="0")
        said = ended(process)
        assert "1 skipped" in said, said
        EXPECTED.update(outcomes(folder)[0])
    head()
    for host in (1, 2):
        node(host)
    if not chosen or "plain" in chosen:
        scenario("nothing happens", lambda *_: None)
    if not chosen or "compare" in chosen:
        side_by_side()
    if not chosen or "actor" in chosen:
        scenario("an actor is killed", lambda *_: kill(1, "ray::_Actor"), faults=1)
    if not chosen or "raylet" in chosen:
        scenario("a machine is lost and comes back", raylet_dies)
    if not chosen or "join" in chosen:
        with project() as folder:
            process = on_cluster(folder, "--robust-simulators=3")
            wait_for(folder, 6, process)
            node(3)
            said = ended(process)
            check("a machine joins", folder, said)
            assert "3 machines" in said, said[-1500:]
            raze(3)
    if not chosen or "cut" in chosen:
        scenario("a link is cut and mended", link_is_cut)
    if not chosen or "driver" in chosen:
        with project() as folder:
            process = on_cluster(folder)
            wait_for(folder, 6, process)
            kill(0, "-m pytest")
            ended(process)
            kept = outcomes(folder)[0]
            said = ended(on_cluster(folder))
            assert kept.items() <= outcomes(folder)[0].items(), "what was recorded stays"
            check("pytest itself is killed, and run again", folder, said)
    if not chosen or "interrupt" in chosen:
        with project() as folder:
            process = on_cluster(folder)
            wait_for(folder, 6, process)
            kill(0, "-m pytest", signal.SIGINT)
            began = time.monotonic()
            said = ended(process, 30)
            assert process.returncode == 2, said[-2000:]
            took = time.monotonic() - began
            time.sleep(2)
            left = processes(1, "ray::_Actor") + processes(2, "ray::_Actor")
            assert not left, "actors are left"
            print(f"Ctrl-C: ended after {took:.1f} s, no simulator is left", flush=True)
    if not chosen or "hang" in chosen:
        comes_to_grief("hang", "--robust-episode-limit=4")
    if not chosen or "memory" in chosen:
        comes_to_grief("memory")
    if not chosen or "versions" in chosen:
        other_versions()
    if not chosen or "token" in chosen:
        with project() as folder:
            said = ended(on_cluster(folder, RAY_AUTH_TOKEN="another-token-than-that-of-the-cluster"), 120)
            assert "token" in said, said[-2000:]
            assert "1 error" in said, said[-2000:]
            print("a wrong token: said", flush=True)
            said = ended(on_cluster(folder, RAY_AUTH_MODE="disabled"), 120)
            assert "whoever reaches them runs code there" in said.replace("\n", " "), said[-2000:]
            print("no token beyond loopback: refused", flush=True)
    if not chosen or "disk" in chosen:
        disk_is_full()
    if "libero" in chosen:
        script = str(Path(__file__).with_name("cluster_libero.py"))
        for model, budget in ("reference", "2"), ("demo_replay", "6"):
            subprocess.run(inside(0, sys.executable, script, HEAD, model, budget), check=True)
    if not chosen or "head" in chosen:
        scenario("the head dies", head_dies)
    print("a cluster's losses cost what they should")


def comes_to_grief(how: str, *options: str) -> None:
    """One episode hangs in native code, or finds no memory, on the only machine that there is."""
    with project() as folder:
        deaths = folder / "deaths"
        deaths.write_text(f"1 {first_task()} {how}")
        raze(1)
        raze(2)
        ray_with(1, TOY_DEATHS=str(deaths))
        said = ended(on_cluster(folder, *options, "--robust-simulators=1"), 900)
        check(f"a simulator comes to grief: {how}", folder, said, faults=1)
        raze(1)
        node(1)
        node(2)


def side_by_side() -> None:
    """Two policies on the same tasks, one of them answering for all simulators of its machine."""
    suite = SUITE.replace("cell.not_worse_than(cell.baseline)", "comparison.answer()").replace("(cell)", "(comparison)")
    found = []
    for where in ([f"--robust-cluster={HEAD}", "--robust-simulators=2", "--robust-policy-at=machine"], []):
        with project() as folder:
            (folder / "test_suite.py").write_text(suite)
            compared = ["--robust-compare=steady:weak", "--robust-perturbation=camera", "--robust-ledger=l.sqlite"]
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *compared, *where]
            said = subprocess.run(inside(0, *command), cwd=folder, capture_output=True, text=True, timeout=240).stdout
            found.append([line for line in said.splitlines() if line.startswith("camera ")])
    assert found[0] == found[1] != [], found
    print(f"a comparison, with a policy a machine: {found[0][0]}", flush=True)


def other_versions() -> None:
    """A machine has another MuJoCo, or says so."""
    with project() as folder:
        facts = folder / "elsewhere" / "mujoco-9.9.9.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mujoco\nVersion: 9.9.9\n")
        raze(2)
        ray_with(2, PYTHONPATH=f"{facts.parent}:{os.environ['PYTHONPATH']}")
        said = ended(on_cluster(folder), 120).replace("\n", " ")
        assert "mujoco 9.9.9; run: pip install mujoco==" in said, said[-2000:]
        assert count(folder) == 0, "nothing was played"
        print("a machine with other versions: refused, with the line that mends it", flush=True)
        raze(2)
        node(2)


def first_task() -> str:
    """The task at the sixth place of the order."""
    with project() as folder:
        ended(pytest_of(folder, TOY_SECONDS="0"))
        with Ledger.open(folder / "l.sqlite") as ledger:
            return ledger.episodes(ledger.audits()[0].id)[5].record.task


def ray_with(host: int, **environment: str) -> None:
    """Start a node whose simulators find something in their environment."""
    before = dict(ENVIRONMENT)
    ENVIRONMENT.update(environment)
    try:
        node(host)
    finally:
        ENVIRONMENT.clear()
        ENVIRONMENT.update(before)


def disk_is_full() -> None:
    """The controller's disk is a file system of 1 MB."""
    with project() as folder:
        small = folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], check=True)
        try:
            said = ended(on_cluster(folder, f"--robust-ledger={small}/l.sqlite"), 120)
            assert "the disk is full" in said.replace("\n", " "), said[-2000:]
            subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
            said = ended(on_cluster(folder, f"--robust-ledger={small}/l.sqlite"))
            (small / "l.sqlite").replace(small / "m.sqlite")
            (folder / "l.sqlite").symlink_to(small / "m.sqlite")
            check("a full disk, then room", folder, said)
        finally:
            subprocess.run(["umount", str(small)], check=False)


EXPECTED: dict[int, tuple[bool | None, str]] = {}
BEGAN = time.monotonic()

if __name__ == "__main__":
    main()
