"""What losses of a cluster cost, on the toy benchmark over network namespaces; cluster.sh makes these and calls this.

Every scenario: the verdicts of one process, no position finished twice, nothing lost that was recorded.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toy import BASELINES, SEARCHES, SUITE

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
CELL = ["--robust-perturbation=camera", "--robust-baseline=none", "--robust-budget=40"]


def inside(host: int, *command: str, **environment: str) -> list[str]:
    """A command in a host's network."""
    given = [f"{name}={value}" for name, value in {**ENVIRONMENT, **environment}.items()]
    return ["ip", "netns", "exec", f"rp{host}", "env", *given, *command]


def ray(host: int, *arguments: str) -> None:
    # Hosts share one table of processes, in which Ray looks for a head that runs already.
    script = (
        "import sys; from ray._private import services; services.find_gcs_addresses = set;"
        " from ray.scripts.scripts import main; sys.exit(main())"
    )
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


def node(host: int, *options: str) -> None:
    ray(host, f"--address={HEAD}", *options)


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
    model = [] if any(one.startswith("--robust-model") for one in more) else ["--robust-model=steady"]
    chosen = [*model, *CELL, "--robust-ledger=l.sqlite", *more]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen]
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


def cut_for_long(folder: Path, process: subprocess.Popen[str]) -> None:
    """Beyond what Ray waits for: the machine is given up, ends once it hears of that, and is started anew."""
    subprocess.run(["ip", "-n", "rp0", "link", "set", "v2", "down"], check=True)
    before = count(folder)
    time.sleep(100)
    assert process.poll() is None, f"pytest ended with the link:\n{process.communicate()[0][-2000:]}"
    assert count(folder) > before, "the others play on"
    subprocess.run(["ip", "-n", "rp0", "link", "set", "v2", "up"], check=True)
    until = time.monotonic() + 90
    while processes(2, "raylet/raylet") and time.monotonic() < until:
        time.sleep(1)
    raze(2)
    ray_with(2, TOY_SECONDS="1.5")


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
        without_language()
    if not chosen or "search" in chosen:
        searches()
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
    if not chosen or "long" in chosen:
        with nodes_with(TOY_SECONDS="1.5"):
            scenario("a link is cut for 100 s, and the machine started anew", cut_for_long)
    if not chosen or "joins-unfit" in chosen:
        joins_unfit()
    if not chosen or "servers" in chosen:
        servers()
    if not chosen or "gpus" in chosen:
        cards()
    if not chosen or "oom" in chosen:
        memory_monitor()
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
    if not chosen or "job" in chosen:
        submitted()
        fresh()
    if not chosen or "symmetric" in chosen:
        symmetric()
        fresh()
    if not chosen or "head" in chosen:
        scenario("the head dies", head_dies)
        fresh()
    if not chosen or "head-back" in chosen:
        head_comes_back()
        fresh()
    if not chosen or "head-gone" in chosen:
        head_is_gone()
    print("a cluster's losses cost what they should")


def fresh() -> None:
    """Begin anew with all machines."""
    for host in (0, 1, 2):
        raze(host)
    head()
    for host in (1, 2):
        node(host)


@contextmanager
def nodes_with(*options: str, **environment: str) -> Iterator[None]:
    """Machines whose simulators find something in their environment, then machines as before."""
    for host in (1, 2):
        raze(host)
        ray_with(host, *options, **environment)
    yield
    for host in (1, 2):
        raze(host)
        node(host)


def submitted() -> None:
    """As a job: Ray has copied the project's folder already, and pytest's exit code becomes that of the command."""
    for host in (0, 1, 2):
        raze(host)
    ray(0, "--head", "--port=6379", "--include-dashboard=true", "--dashboard-host=10.78.0.1")
    node(1)
    with project() as folder:
        script = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
        job = [
            sys.executable,
            "-c",
            script,
            "job",
            "submit",
            "--address=http://10.78.0.1:8265",
            f"--working-dir={folder}",
        ]
        ledger = f"--robust-ledger={folder}/l.sqlite"
        play = [sys.executable, "-m", "pytest", *CELL, ledger, "--robust-cluster=auto", "--robust-simulators=1"]
        for model, expected in ("steady", 0), ("no-such-model", 1):
            done = subprocess.run(
                inside(0, *job, "--", *play, f"--robust-model={model}"), capture_output=True, text=True, timeout=240
            )
            assert done.returncode == expected, f"{model}:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
            if not expected:
                check("submitted as a job", folder, done.stdout)


def symmetric() -> None:
    """As Slurm's srun starts it: the same command on two machines, of which each has processes of its own alone."""
    for host in (0, 1, 2):
        raze(host)
    with project() as folder:
        script = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
        head = "10.78.0.2:6379"
        run = ["symmetric-run", f"--address={head}", "--min-nodes=2", "--num-cpus=1", "--object-store-memory=100000000"]
        play = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *CELL, "--robust-ledger=l.sqlite"]
        play += ["--robust-model=steady", f"--robust-cluster={head}", "--robust-simulators=2"]
        # Ray 2.60 ends with 1 on the first of several machines, even with "true" as its command.
        play = ["sh", "-c", f"{shlex.join(play)}; echo $? > result"]
        both = []
        for host in (1, 2):
            # Ray asks the way out for its own address, and ends every process of Ray that it sees.
            subprocess.run(["ip", "-n", f"rp{host}", "route", "replace", "default", "via", "10.78.0.1"], check=True)
            apart = [
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "bash",
                "-c",
                '"$@"; exit $?',
                "bash",
            ]
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            # The other machine ends once it has waited for its head so long; ending Ray on the first may take 16 s.
            waits = {"RAY_gcs_rpc_server_reconnect_timeout_s": "40"}
            own = inside(host, *apart, sys.executable, "-c", script, *run, "--", *play, PATH=path, **waits)
            both.append(subprocess.Popen(own, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        said = [ended(one) for one in both]
        assert (folder / "result").read_text().strip() == "0", said[0][-3000:]
        check("the same command on two machines", folder, said[0])
        assert "2 machines" in said[0], said[0][-2000:]


def joins_unfit() -> None:
    """Machines join that have another MuJoCo, lack a package, or lack tasks: left out, said, and the run goes on."""
    with project() as folder:
        other, lacking = folder / "other", folder / "lacking"
        facts = other / "mujoco-9.9.9.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mujoco\nVersion: 9.9.9\n")
        lacking.mkdir()
        (lacking / "numpy.py").write_text("raise ImportError(\"No module named 'numpy'\")")
        path = os.environ["PYTHONPATH"]
        for what, said_of_it, environment in (
            ("other versions", "mujoco 9.9.9; run: pip install mujoco==", {"PYTHONPATH": f"{other}:{path}"}),
            ("no package", "Install this package there (pip install", {"PYTHONPATH": f"{lacking}:{path}"}),
            ("missing tasks", "unpack the same assets at the same place", {"TOY_BLOCKED": "its assets are missing"}),
        ):
            (folder / "l.sqlite").unlink(missing_ok=True)
            process = on_cluster(folder, "--robust-simulators=3")
            wait_for(folder, 6, process)
            ray_with(3, **environment)
            said = ended(process)
            check(f"a machine with {what} joins", folder, said)
            flat = said.replace("\n", " ")
            assert "10.78.0.4 joined and is not used" in flat, said[-2500:]
            assert said_of_it in flat, said[-2500:]
            with Ledger.open(folder / "l.sqlite") as ledger:
                (audit,) = ledger.audits()
                assert {e.record.provenance["node"] for e in ledger.episodes(audit.id)} == {"10.78.0.2", "10.78.0.3"}
            raze(3)


def servers() -> None:
    """A server on each machine, which its simulators ask; one that remembers is refused, and so are other weights."""
    with project() as folder:
        script = str(Path(__file__).with_name("cluster_server.py"))

        def serve(host: int, checkpoint: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen(inside(host, sys.executable, script, checkpoint, str(folder / f"asked{host}")))

        running = [serve(host, "pushes") for host in (0, 1, 2)]
        try:
            time.sleep(2)
            model = ["--robust-model=served", "--robust-policy=openpi:ws://{node}:8000"]
            process = pytest_of(folder, *model, "--robust-ledger=one.sqlite")
            alone = ended(process)
            for where in "simulator", "machine":
                for host in (1, 2):
                    (folder / f"asked{host}").unlink(missing_ok=True)
                (folder / "l.sqlite").unlink(missing_ok=True)
                said = ended(on_cluster(folder, *model, f"--robust-policy-at={where}"))
                found = [line for line in said.splitlines() if line.startswith("served ")]
                assert found == [line for line in alone.splitlines() if line.startswith("served ")] != [], said[-3000:]
                asked = [len((folder / f"asked{host}").read_text().splitlines()) for host in (1, 2)]
                print(f"a server a machine, a policy a {where}: {found[0]}; asked {asked} times", flush=True)
                assert min(asked) > 20, asked
            said = ended(on_cluster(folder, model[0], f"{model[1]}?dialect=ge", "--robust-fresh")).replace("\n", " ")
            assert "remembers one episode at a time" in said, said[-2000:]
            running[2].kill()
            running[2].wait()
            running[2] = serve(2, "pushes otherwise")
            time.sleep(2)
            said = ended(on_cluster(folder, *model, "--robust-fresh")).replace("\n", " ")
            assert "Give every machine the same checkpoint" in said, said[-2000:]
            print("a server that remembers, or one with other weights: refused", flush=True)
        finally:
            for one in running:
                one.kill()
                one.wait()


def cards() -> None:
    """Each simulator sees the card that Ray gave it; Ray is told of cards that are not there."""
    shown = ("CUDA_VISIBLE_DEVICES", "ROBUSTPLUS_NODE", "ROBUSTPLUS_WORKER", "ROBUSTPLUS_WORKERS")
    with nodes_with("--num-gpus=2", TOY_SHOWS=" ".join(shown)), project() as folder:
        process = on_cluster(folder, "--robust-gpus-per-simulator=1", "--robust-simulators=2")
        check("simulators with a card each", folder, ended(process))
        with Ledger.open(folder / "l.sqlite") as ledger:
            (audit,) = ledger.audits()
            found = {tuple(e.record.provenance[name] for name in shown) for e in ledger.episodes(audit.id)}
    assert {card for card, *_ in found} <= {"0", "1"}, found
    assert sorted(place for _, *place in found) in (
        [["10.78.0.2", "0", "2"], ["10.78.0.3", "1", "2"]],
        [["10.78.0.2", "1", "2"], ["10.78.0.3", "0", "2"]],
    ), found


def memory_monitor() -> None:
    """Ray's own monitor ends simulators of a machine whose memory is short: no fault of the episode."""
    with project() as folder:
        raze(2)
        memory = "from ray._private import utils as u; print((u.get_used_memory() + 2.5e9) / u.get_system_memory())"
        threshold = subprocess.run([sys.executable, "-c", memory], capture_output=True, text=True, check=True).stdout
        ray_with(2, RAY_memory_usage_threshold=threshold.strip(), RAY_memory_monitor_refresh_ms="250")
        process = on_cluster(folder)
        wait_for(folder, 6, process)
        (victim,) = processes(2, "ray::_Actor")
        # Somebody else on that machine takes more and more.
        hog = "import time; held = []\nfor _ in range(12): held.append(bytearray(b'x') * 2**29); time.sleep(0.4)"
        taking = subprocess.Popen([sys.executable, "-c", hog])
        while taking.poll() is None and victim in processes(2, "ray::_Actor"):
            time.sleep(0.1)
        taking.kill()
        taking.wait()
        assert victim not in processes(2, "ray::_Actor"), "nobody was ended for want of memory"
        said = ended(process)
        check("Ray's memory monitor ends a simulator", folder, said)
        assert "moved from lost machines" in said, said[-1500:]
        raze(2)
        node(2)


def head_comes_back() -> None:
    """A head that is started anew knows nothing of what was: the run ends with a sentence, and goes on from there."""
    for host in (1, 2):
        raze(host)
        ray_with(host, TOY_SECONDS="1")
    with project() as folder:
        process = on_cluster(folder)
        wait_for(folder, 6, process)
        raze_ray(0)
        time.sleep(5)
        head()
        said = ended(process, 400)
        kept = outcomes(folder)[0]
        assert kept.items() <= EXPECTED.items(), "what was recorded stays"
        assert "was started anew and knows nothing of this run" in said.replace("\n", " "), said[-3000:]
        assert process.returncode == 1, process.returncode
        print(f"a head comes back without memory: {len(kept)} episodes kept, said", flush=True)


def head_is_gone() -> None:
    """For longer than is waited for (three minutes here): a sentence, and what was recorded is kept."""
    for host in (1, 2):
        raze(host)
        ray_with(host, TOY_SECONDS="5")
    with project() as folder:
        with (folder / "conftest.py").open("a") as conftest:
            conftest.write("\nfrom pytest_robustplus.rollout.cluster import engine\nengine.HEAD_GONE_S = 180.0\n")
        process = on_cluster(folder)
        wait_for(folder, 2, process)
        kill(0, "gcs_server")
        began = time.monotonic()
        said = ended(process, 400)
        took = time.monotonic() - began
        assert "is gone for 3 minutes. Everything recorded is kept" in said.replace("\n", " "), said[-3000:]
        assert process.returncode == 1, process.returncode
        kept = outcomes(folder)[0]
        assert kept.items() <= EXPECTED.items(), "what was recorded stays"
        print(f"the head is gone: {len(kept)} episodes kept, said and ended after {took:.0f} s", flush=True)


def raze_ray(host: int) -> None:
    """End all of Ray's own on a host, and leave pytest."""
    for pid in processes(host, "ray"):
        if pid not in processes(host, "-m pytest"):
            os.kill(pid, signal.SIGKILL)


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
            compared = ["--robust-compare=steady:weak", "--robust-perturbation=camera,noise"]
            compared += ["--robust-ledger=l.sqlite"]
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *compared, *where]
            said = subprocess.run(inside(0, *command), cwd=folder, capture_output=True, text=True, timeout=240).stdout
            found.append([line for line in said.splitlines() if line.startswith(("camera ", "noise "))])
    assert found[0] == found[1], found
    assert len(found[0]) == 2, found
    print(f"comparisons, with a policy a machine: {', '.join(found[0])}", flush=True)


def searches() -> None:
    """A search and frontiers, several at once: what they find is what they find in one process."""
    found, lines = [], []
    chosen = ["--robust-model=steady", "--robust-budget=40", "-k", "azimuth or (test_fuzz and camera)"]
    for where in ([f"--robust-cluster={HEAD}", "--robust-simulators=2"], []):
        with project() as folder:
            (folder / "test_suite.py").write_text(SEARCHES)
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--robust-ledger=l.sqlite"]
            said = subprocess.run(
                inside(0, *command, *chosen, *where, TOY_SECONDS="0.02"),
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=400,
            ).stdout
            lines.append([line for line in said.splitlines() if "azimuth" in line and "::" not in line])
            with Ledger.open(folder / "l.sqlite", create=False) as ledger:
                episodes = [
                    (audit.key.population, e.position, e.record.success, e.record.state_hash)
                    for audit in ledger.audits()
                    for e in ledger.episodes(audit.id)
                ]
            found.append(sorted(map(str, episodes)))
    assert lines[0] == lines[1] != [], lines
    assert found[0] == found[1], found
    print(f"searches: {len(found[0])} episodes as in one process", flush=True)


def without_language() -> None:
    """An ablation: the simulators' policies are not told the instruction either."""
    found = []
    for where in ([f"--robust-cluster={HEAD}", "--robust-simulators=2"], []):
        with project() as folder:
            (folder / "listener.py").write_text(LISTENER)
            (folder / "pytest.ini").write_text(
                (folder / "pytest.ini").read_text().replace("pythonpath =", "pythonpath = .")
            )
            model = ["--robust-model=served", "--robust-policy=python:listener:Listener", "--robust-ablation=language"]
            said = ended(pytest_of(folder, *model, *where))
            found.append([line for line in said.splitlines() if "without language" in line])
    assert found[0] == found[1] != [], found
    assert "need the instruction" in found[0][0], found
    print(f"an ablation: {found[0][0]}", flush=True)


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


def ray_with(host: int, *options: str, **environment: str) -> None:
    """Start a node whose simulators find something in their environment."""
    before = dict(ENVIRONMENT)
    ENVIRONMENT.update(environment)
    try:
        node(host, *options)
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


LISTENER = """
import numpy as np

class Listener:
    checkpoint = "listens"

    def reset(self, slot, instruction): ...

    def act(self, observations):
        return [np.full((4, 2), 0.8 if one.instruction.startswith("push") else 0.1) for one in observations]
"""
EXPECTED: dict[int, tuple[bool | None, str]] = {}
BEGAN = time.monotonic()

if __name__ == "__main__":
    main()
