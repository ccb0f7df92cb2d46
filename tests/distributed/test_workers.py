"""Cards lent to workers, and what happens to the items of the dead; on cards that do not exist."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from execnet.xspec import XSpec

from pytest_robustplus.distributed import devices, machine, process, workers
from pytest_robustplus.distributed.board import BOARD, Board, board_of
from pytest_robustplus.distributed.devices import Device, Leases
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.gates import Gate
from pytest_robustplus.items.collection import arrange
from pytest_robustplus.items.reports import IDENTITY
from pytest_robustplus.policies import specs
from pytest_robustplus.reporting import outlook
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.session.session import session_of
from pytest_robustplus.statistics.evalues import Verdict, plan

SMI = ["0, GPU-aa11, 00000000:0A:00.0", "1, GPU-bb22, 00000000:3B:00.0", "2, GPU-cc33, 00000001:0A:00.0"]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cards that EGL counts backwards."""
    monkeypatch.setattr(devices, "_nvidia_smi", lambda: SMI)
    monkeypatch.setattr(devices, "_egl_numbers", lambda environment: {"0": 2, "1": 1, "2": 0})


@pytest.mark.parametrize(
    ("given", "names"),
    [(None, ["0", "1", "2"]), ("2,0", ["2", "0"]), ("GPU-bb22", ["GPU-bb22"]), ("", []), ("-1", []), ("1,-1,0", ["1"])],
)
@pytest.mark.usefixtures("cards")
def test_the_callers_own_list_is_what_there_is(given: str | None, names: list[str]) -> None:
    environment = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    assert devices.visible(environment) == names


@pytest.mark.usefixtures("cards")
def test_cards_are_known_to_egl_by_another_number() -> None:
    first, last = (2, "0000:0a:00.0"), (0, "0001:0a:00.0")
    assert devices.find({"CUDA_VISIBLE_DEVICES": "2,0"}) == [Device("2", *last), Device("0", *first)]
    named = devices.find({"CUDA_VISIBLE_DEVICES": "GPU-cc,GPU-aa11"})
    assert named == [Device("GPU-cc", *last), Device("GPU-aa11", *first)]


def test_vulkan_is_told_the_same_card_by_its_place_on_the_bus() -> None:
    assert devices.vulkan(Device("1", 1, "0000:3b:00.0").environment()) == "pci:0000:3b:00.0"
    assert devices.vulkan({}) is None


@pytest.mark.usefixtures("cards")
def test_cuda_egl_and_vulkan_are_told_of_one_card_before_anything_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the controller leases a worker enters its environment as pytest configures, for all three at once."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    controller = Lost().controller
    leased = node("gw0")
    controller.configure(leased)
    entering = """
import os, sys
from types import SimpleNamespace
from pytest_robustplus.distributed import devices, process
config = SimpleNamespace(workerinput=eval(sys.argv[1]), addinivalue_line=lambda *line: None)
process.enter(config)
assert not {"torch", "jax", "mujoco", "sapien"} & sys.modules.keys()
print(devices.visible(os.environ), os.environ["MUJOCO_EGL_DEVICE_ID"], devices.vulkan(),
      os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"])
"""
    command = [sys.executable, "-c", entering, repr(leased.workerinput)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["['2']", "0", "pci:0001:0a:00.0", "false"]


def test_a_worker_sees_its_card_alone() -> None:
    assert Device("1", 1).environment() == {
        "CUDA_VISIBLE_DEVICES": "1",
        "MUJOCO_EGL_DEVICE_ID": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    assert "MUJOCO_EGL_DEVICE_ID" not in Device("1").environment()


def test_robosuite_finds_the_egl_number_in_the_list_and_cuda_does_not() -> None:
    found = Device("2", 0).environment()
    assert found["MUJOCO_EGL_DEVICE_ID"] in found["CUDA_VISIBLE_DEVICES"]
    assert devices.visible(found) == ["2"]


def test_without_a_driver_there_are_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert devices.find({}) == []


def test_a_replacement_inherits_the_card_of_the_dead() -> None:
    leases = Leases([Device("0"), Device("1")])
    taken = [leases.take(f"gw{number}") for number in range(4)]
    assert taken == [Device("0"), Device("1"), Device("0"), Device("1")]
    leases.give_back("gw1")
    assert leases.take("gw4") == Device("1")
    assert Leases([]).take("gw0") is None


LEAD = "eval-helpers/test_suite.py::test_success_rate[pi05-toy-camera]"
CHECK = "test_preflight.py::test_preflight[pi05-toy-scales]"
ITEMS = {
    LEAD: Identity("pi05", "toy", "cell", "camera"),
    CHECK: Identity("pi05", "toy", "check", "scales"),
}


class Lost(list[Identity]):
    """A controller, and the items that it says were lost."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        option = SimpleNamespace(numprocesses=2, maxworkerrestart=None, **options)
        self.dsession = SimpleNamespace(shouldstop=False)
        plugins = SimpleNamespace(getplugin={"dsession": self.dsession}.get)
        self.config = cast(Any, SimpleNamespace(option=option, pluginmanager=plugins))
        self.controller = workers.Controller(
            self.config, began=lambda run: None, lost=self.append, keeping=lambda workers: f"{workers}.00"
        )

    def told(self) -> workers.Controller:
        """A worker has started and collected."""
        first = node("gw0")
        self.controller.configure(first)
        self.board = Board(Path(first.workerinput[BOARD]))
        self.board.post(ITEMS)
        return self.controller


def node(name: str, place: int = 0, specs: tuple[str, ...] = ("popen", "popen")) -> Any:
    read = [XSpec(spec) for spec in specs]
    return SimpleNamespace(
        gateway=SimpleNamespace(id=name, spec=read[place]),
        nodemanager=SimpleNamespace(specs=read),
        workerinput={"testrunuid": "run-1", "workercount": len(specs)},
    )


@pytest.mark.usefixtures("cards")
def test_the_controller_leases_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    controller = Lost().controller
    nodes = [node("gw0"), node("gw1"), node("gw2")]
    for one in nodes[:2]:
        controller.configure(one)
        assert one.workerinput["robustplus_environment"][machine.KEPT] == "2.00", "two workers share the memory"
    controller.free(nodes[1], None)
    controller.configure(nodes[2])
    seen = [devices.visible(one.workerinput["robustplus_environment"]) for one in nodes]
    assert seen == [["1"], ["2"], ["2"]]


@pytest.mark.usefixtures("cards")
def test_a_worker_on_another_machine_finds_out_what_that_has(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.delenv(machine.KEPT, raising=False)
    controller = Lost().controller
    specs = ("popen", "ssh=one", "ssh=two", "ssh=one//chdir=there")
    nodes = [node(f"gw{place}", place, specs) for place in range(len(specs))]
    for one in nodes:
        controller.configure(one)
    told = [one.workerinput["robustplus_environment"] for one in nodes]
    assert (told[0][machine.KEPT], devices.visible(told[0])) == ("1.00", ["1"]), "one worker is here"
    assert all(environment.keys() == {"ROBUSTPLUS_WORKER"} for environment in told[1:])
    assert [one.workerinput.get(process.ELSEWHERE) for one in nodes] == [None, (0, 2), (0, 1), (1, 2)]
    # There it has all three cards, and what memory that machine has, for two workers.
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    config = pytester.parseconfigure("--robust-model=pi05")
    monkeypatch.setattr(config, "workerinput", nodes[3].workerinput, raising=False)
    monkeypatch.setattr(machine, "keeping", lambda simulators, **_: simulators * 10**9)
    for name in ("CUDA_VISIBLE_DEVICES", "MUJOCO_EGL_DEVICE_ID", "XLA_PYTHON_CLIENT_PREALLOCATE", "ROBUSTPLUS_PCI"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    process.enter(config)
    assert devices.visible(os.environ) == ["1"], "the second of its two workers has the second card"
    assert session_of(config).share_memory() == 2 * 10**9
    # Who says how much means all of them.
    monkeypatch.setenv(machine.KEPT, "1.5")
    late = node("gw9", 1, specs)
    controller.configure(late)
    assert late.workerinput["robustplus_environment"][machine.KEPT] == "1.5"


def test_a_worker_that_shares_no_files_is_refused(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig("--robust-model=pi05")
    config.workerinput = {BOARD: str(pytester.path / "of another machine")}  # type: ignore[attr-defined]
    config.workeroutput = {}  # type: ignore[attr-defined]
    # Tests that are none of ours need nothing of it.
    item = pytester.getitem("def test(): ...", "test")
    arrange(config, [item])
    assert not config.workeroutput  # type: ignore[attr-defined]
    item.stash[IDENTITY] = next(iter(ITEMS.values()))
    arrange(config, [item])
    assert "--robust-cluster" in config.workeroutput[process.REFUSAL]  # type: ignore[attr-defined]
    board_of(config).post(ITEMS)


def test_a_worker_that_replaces_another_takes_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find", list)
    controller = Lost().controller
    nodes = [node(f"gw{number}") for number in range(4)]
    for one in nodes[:3]:
        controller.configure(one)
    controller.free(nodes[1], None)
    controller.configure(nodes[3])
    assert [one.workerinput["robustplus_environment"]["ROBUSTPLUS_WORKER"] for one in nodes] == ["0", "1", "2", "1"]


def test_a_worker_that_has_not_collected_is_handed_nothing_when_another_dies() -> None:
    from xdist.scheduler import LoadFileScheduling

    class Node(SimpleNamespace):
        def __hash__(self) -> int:  # type: ignore[override]
            return id(self)

    options = {"tx": ["popen", "popen"], "loadscopereorder": True}
    scheduler = LoadFileScheduling(cast(Any, SimpleNamespace(getvalue=options.get, option=SimpleNamespace(**options))))
    workers.guard(scheduler)
    sent: list[str] = []
    nodes: list[Any] = []
    for name in ("gw0", "gw1", "gw2", "gw3"):
        told = SimpleNamespace(id=name), False, lambda _, name=name: sent.append(name), lambda: None
        nodes.append(
            Node(**dict(zip(("gateway", "shutting_down", "send_runtest_some", "shutdown"), told, strict=True)))
        )
    collected = [f"test_{letter}.py::test" for letter in "abcdef"]
    for one in nodes[:2]:
        scheduler.add_node(one)
        scheduler.add_node_collection(one, collected)
    scheduler.schedule()
    sent.clear()
    for one, other in zip(nodes[:2], nodes[2:], strict=True):
        scheduler.remove_node(one)
        scheduler.add_node(other)
    for one, name in zip(nodes[2:], ("gw2", "gw3"), strict=True):
        scheduler.add_node_collection(one, collected)
        scheduler.schedule()
        assert sent[-1:] == [name]


@pytest.mark.usefixtures("cards")
def test_auto_is_what_the_machine_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def automatic(
        *, chosen: bool = True, inside: bool = False, workers_per_gpu: int = 0, simulators: int = 1
    ) -> int | None:
        config: Any = SimpleNamespace(option=SimpleNamespace(numprocesses="auto"))
        return workers.automatic(
            config, chosen=chosen, inside=inside, workers_per_gpu=workers_per_gpu, simulators=simulators
        )

    monkeypatch.setattr(machine, "room", lambda *_: 14)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    assert automatic() == 14
    assert automatic(inside=True) == 2, "nobody knows how much of a card such a policy takes"
    assert automatic(inside=True, workers_per_gpu=3) == automatic(workers_per_gpu=3) == 6
    assert automatic(simulators=7) == 2
    assert automatic(chosen=False) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert automatic(inside=True) == 14
    assert automatic(simulators=4) == 3
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "5")
    assert automatic() is None


@pytest.mark.parametrize(
    ("gigabytes", "free", "expected"), [(100, (80_000, 80_000), 16), (9, (80_000, 80_000), 5), (100, (2100, 1500), 5)]
)
def test_cores_memory_and_cards_bound_what_fits(
    gigabytes: int, free: tuple[int, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{index}, GPU-{index}, {megabytes}" for index, megabytes in enumerate(free)]
    monkeypatch.setattr(machine, "cores", lambda: 16)
    monkeypatch.setattr(machine, "memory", lambda: gigabytes * 10**9)
    monkeypatch.setattr(devices, "ask", lambda what, units=True: lines if "free" in what else ["0, GPU-0, x"])
    assert machine.room({"CUDA_VISIBLE_DEVICES": "0,GPU-1"}) == expected
    assert machine.room({"CUDA_VISIBLE_DEVICES": ""}) == min(16, gigabytes * 10**9 // machine.MEMORY_BYTES)
    assert machine.room({"CUDA_VISIBLE_DEVICES": "MIG-7"}) >= 5, "a part of a card is not listed"


@pytest.mark.parametrize(
    ("gigabytes", "beside", "free", "inside", "expected"),
    [
        (22, 2, None, False, "3.00"),  # no more than that is worth keeping
        (16, 4, None, False, "1.70"),
        (9.2, 4, None, False, "0.85"),  # nothing is left once all have their own
        (2, 4, None, False, "0.85"),
        (100, 16, (80_000, 80_000), False, "2.82"),
        (100, 16, (80_000, 80_000), True, "0.85"),
        (100, 16, (12_000, 12_000), False, "1.28"),
        (100, 16, ("[N/A]", "[N/A]"), False, "0.85"),
        (None, 1, None, False, "0.85"),
    ],
)
def test_scenes_are_kept_where_every_simulator_has_its_own_memory(
    gigabytes: float | None,
    beside: int,
    free: tuple[object, object] | None,
    inside: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [f"{index}, GPU-{index}, {megabytes}" for index, megabytes in enumerate(free or ())]
    monkeypatch.setattr(machine, "memory", lambda: gigabytes and int(gigabytes * 1e9))
    monkeypatch.setattr(devices, "ask", lambda what, units=True: lines)
    environment = {"CUDA_VISIBLE_DEVICES": "0,1" if free else ""}
    kept = machine.keeping(beside, inside=inside, environment=environment)
    assert machine.told(kept) == expected
    if gigabytes is not None and kept > machine.KEPT_BYTES:
        peak = machine.PEAK_BYTES + kept - machine.KEPT_BYTES
        assert beside * peak <= gigabytes * 1e9, "the machine bears it, whatever all of them do at once"


def test_a_size_of_ones_own_counts_as_it_is_and_nonsense_is_refused() -> None:
    assert machine.kept({}) == machine.kept({machine.KEPT: ""}) == machine.KEPT_BYTES
    assert machine.kept({machine.KEPT: "0.5"}) == 500_000_000
    for nonsense in ("lots", "-1", "0", "inf", "nan"):
        with pytest.raises(BadInputError, match="ROBUSTPLUS_SCENES_GB="):
            machine.kept({machine.KEPT: nonsense})


def test_a_containers_share_is_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (
        ("cpu.max", "150000 100000\n"),
        ("memory.max", "4000000000\n"),
        ("memory.current", "1000000000"),
    ):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert machine.cores() == 1
    left = machine.memory()
    assert left is not None
    assert left <= 3_000_000_000
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores() >= 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("openpi:ws://a:8000", False),
        ("onnx:package/reference.onnx", False),
        ("python:mine:Policy", True),
        ("lerobot:runs/7", True),
        ("suites:one=act:http://a:8777 two=act:http://b:8777", False),
        ("suites:one=act:http://a:8777 two=python:mine:Policy", True),
    ],
)
def test_which_policies_may_take_a_part_of_their_workers_card(spec: str, expected: bool) -> None:
    assert specs.inside(spec) is expected


@pytest.mark.parametrize(("started", "expected"), [(None, 7), (3, 2), ("auto", 7), (9, 1)])
def test_simulators_are_as_many_as_their_workers_leave_room_for(
    pytester: pytest.Pytester, started: int | str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "room", lambda *_: 7)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    config = pytester.parseconfig("--robust-simulators=auto")
    config.option.numprocesses = started
    assert session_of(config).settings.simulators == expected
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    config = pytester.parseconfig("--robust-simulators=auto")
    assert session_of(config).settings.simulators == 3, "as one of two workers"


def test_simulators_beside_each_other_are_reckoned_together(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of all workers; the worker that was told says it to its own, and a person's word stands."""
    monkeypatch.setattr(machine, "keeping", lambda simulators, **_: simulators * 10**9)
    monkeypatch.delenv(machine.KEPT, raising=False)
    config = pytester.parseconfig("--robust-simulators=3")
    session = session_of(config)
    assert session.keeping(2) == "6.00"
    assert session.share_memory() == machine.kept() == 3 * 10**9
    config._ensure_unconfigure()
    assert machine.KEPT not in os.environ, "the next run of this process reckons anew"
    monkeypatch.setenv(machine.KEPT, "0.9")
    assert session.keeping(2) == "0.9"
    assert session.share_memory() == 900_000_000


def test_half_an_idle_machine_is_told_what_to_add() -> None:
    assert "-n auto" in outlook.idle(1, 16)
    assert "--robust-simulators=auto" in outlook.idle(8, 16)
    assert outlook.idle(9, 16) == outlook.idle(1, 2) == ""


class Keeping:
    """A scheduler that keeps files together, and hands out again by itself what did not complete."""

    def mark_test_pending(self, item: str) -> None:
        raise NotImplementedError


def crash(lost: Lost, nodeid: str, scheduler: Any = None) -> tuple[str, list[str]]:
    """Let a worker die while it runs an item, as pytest-xdist tells of it."""
    pending: list[str] = []
    report: Any = SimpleNamespace(outcome="failed", user_properties=[])
    lost.controller.free(node("gw0"), "Not properly terminated")
    lost.controller.crashed(nodeid, report, scheduler or SimpleNamespace(mark_test_pending=pending.append))
    return report.outcome, pending


def test_a_cell_is_handed_out_again_once() -> None:
    lost = Lost()
    lost.told()
    assert crash(lost, LEAD) == ("rerun", [LEAD])
    assert not lost.board.lost(LEAD)
    assert crash(lost, LEAD) == ("failed", [])
    assert lost.board.lost(LEAD)
    assert lost.board.over() == {LEAD}


def test_a_scheduler_that_hands_out_again_by_itself_is_let_and_ended() -> None:
    lost = Lost()
    lost.told()
    assert crash(lost, LEAD, Keeping()) == ("rerun", [])
    assert crash(lost, LEAD, Keeping()) == ("failed", [])
    assert lost.board.lost(LEAD), "or it would be run for ever"


def test_a_cell_is_not_handed_out_where_no_worker_follows() -> None:
    lost = Lost()
    lost.config.option.maxworkerrestart = "0"
    lost.told()
    assert crash(lost, LEAD) == ("failed", [])
    assert lost.board.stopped, "who waits for what the dead one was to run would wait for ever"


def test_another_test_is_left_to_xdist() -> None:
    lost = Lost()
    lost.told()
    assert crash(lost, "test_other.py::test_arithmetic[2]") == ("failed", [])


def test_a_check_that_kills_its_worker_is_lost() -> None:
    lost = Lost()
    lost.told()
    assert crash(lost, CHECK)[0] == "failed"
    assert lost == [ITEMS[CHECK]]


def test_workers_that_die_while_they_help_are_followed_by_some_that_only_run_items() -> None:
    lost = Lost()
    controller = lost.told()
    for number in range(workers.LONE_AFTER):
        assert process.may_help(configured(controller, f"gw{number}"))
        lost.board.rest(f"gw{number}")
        controller.free(node(f"gw{number}"), "Not properly terminated")
    assert not process.may_help(configured(controller, "gw9"))
    assert not lost.board.stopped


def configured(controller: workers.Controller, name: str) -> Any:
    leased = node(name)
    controller.configure(leased)
    return SimpleNamespace(workerinput=leased.workerinput)


def test_workers_stop_playing_for_others_when_the_run_is_to_end_early() -> None:
    lost = Lost()
    controller = lost.told()
    controller.poll()
    assert not lost.board.stopped
    lost.dsession.shouldstop = "stopping after 1 failures"
    controller.poll()
    assert lost.board.stopped


def test_what_is_over_is_read_as_it_comes(tmp_path: Path) -> None:
    board, other = Board(tmp_path), Board(tmp_path)
    board.end("a")
    assert other.over() == {"a"}
    path = tmp_path / "over"
    path.write_text(path.read_text() + '"half')
    assert other.over() == {"a"}
    path.write_text(path.read_text() + ' a line"\n')
    assert other.over() == {"a", "half a line"}


def test_nothing_is_left_of_what_workers_told() -> None:
    controller = Lost().told()
    assert controller.items == ITEMS
    controller.close()
    assert controller.items == {}


def test_an_expendable_process_that_hangs_in_native_code_ends_itself() -> None:
    hangs = """
import signal, time
from pytest_robustplus.rollout.limit import limited
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
with limited(0.3, "a task", expendable=True):
    time.sleep(60)
"""
    ended = subprocess.run([sys.executable, "-c", hangs], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


@pytest.mark.parametrize(("rate", "seen"), [(0.75, 30), (0.75, 15), (0.75, 38)])
def test_helpers_foresee_where_the_verdict_falls_if_the_rate_holds(rate: float, seen: int) -> None:
    gate = Gate(None, plan(rate, 1600, 0.05), None, "validate")  # type: ignore[arg-type]
    foreseen = gate.foreseen(40, seen)

    def verdict(count: int) -> Verdict | None:
        return gate.planned.plan.verdict(count, round(seen * count / 40))

    assert 40 < foreseen <= 1600
    assert verdict(foreseen) is not None
    assert foreseen == 41 or verdict(foreseen - 1) is None
