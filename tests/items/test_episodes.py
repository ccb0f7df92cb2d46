"""The ledger as a tool: its runs, cells and episodes listed, and chosen ones played again into what people look at."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import imageio.v3
import imageio_ffmpeg
import numpy as np
import pytest
from pyarrow import parquet
from toy import ToySimulator

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.reporting.selection import Selection

LEDGER = "--robust-ledger=l.sqlite"


@pytest.fixture
def played(toy: pytest.Pytester) -> pytest.Pytester:
    """A project with a run of two cells, and a later one of one cell."""
    toy.runpytest("--robust-model=steady,weak", "--robust-perturbation=camera", "--robust-baseline=none", LEDGER)
    toy.runpytest("--robust-model=steady", "--robust-perturbation=noise", "--robust-baseline=none", LEDGER)
    return toy


def asked(project: pytest.Pytester, words: str, *options: str) -> list[dict[str, str]]:
    result = project.runpytest(f"--robust-episodes={words}", "--robust-csv=-", LEDGER, *options)
    return list(csv.DictReader(io.StringIO(result.stdout.str())))


def test_runs_come_with_their_cells(played: pytest.Pytester) -> None:
    result = played.runpytest("--robust-episodes", LEDGER)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "????????  20*  passed  pytest *--robust-model=steady,weak*",
            "  steady-toy-camera  measured   80.0 %  60 of 60",
            "  weak-toy-camera    measured   30.0 %  60 of 60",
            "????????  20*--robust-perturbation=noise*",
            "  steady-toy-noise  measured   80.0 %  60 of 60",
        ]
    )
    told = json.loads(played.runpytest("--robust-episodes", "--robust-json=-", LEDGER).stdout.str())
    assert [[cell["dimension"] for cell in run["cells"]] for run in told] == [["camera", "camera"], ["noise"]]


def test_a_filter_is_words_as_people_type_them(played: pytest.Pytester) -> None:
    with Ledger.open(played.path / "l.sqlite") as ledger:
        first = [e.id for e in ledger.episodes(1) if e.id <= 10 and not e.record.success]

        def found(words: str) -> list[int]:
            return [one.episode.id for one in Selection.read(words.replace(",", " ").split(), ledger).find(ledger)]

        counts = {
            "failure": 12 + 42 + 12,
            "failed,weak": 42,
            "model=weak,outcome=success": 18,
            "camera": 120,
            "camera,noise": 180,
            "noise failure": 12,
            "task=*camera_5?": 20,
            "left/camera_58": 2,
            "suite=left,steady": 60,
            "last": 60,
            "w*": 60,
            "toy": 180,
            "error": 0,
        }
        assert {words: len(found(words)) for words in counts} == counts
        assert found("1-10,failure") == first
        assert found(f"{ledger.runs()[0].run[:8]},weak,1-300") == found("weak")
        with pytest.raises(BadInputError, match="Unknown outcome 'wins'"):
            found("outcome=wins")


def test_lists_are_for_people_and_for_programs(played: pytest.Pytester) -> None:
    result = played.runpytest("--robust-episodes", "weak,failure", LEDGER)
    result.stdout.fnmatch_lines(
        ["weak-toy-camera, run ????????", "  *  failure  *camera_*  3 steps", "42 episodes: 42 failure"]
    )
    rows = asked(played, "weak,failure")
    assert len(rows) == 42
    assert {row["success"] for row in rows} == {"False"}
    assert {*json.loads(rows[0]["parameters"])} == {"weight"}
    nothing = played.runpytest("--robust-episodes=weak,noise", LEDGER)
    assert nothing.ret == 1
    nothing.stdout.fnmatch_lines(["0 episodes match; for the runs and their cells, leave the filter out: *"])
    wrong = played.runpytest("--robust-episodes=modle=weak", LEDGER)
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["ERROR: Unknown key 'modle'*Did you mean 'model'?*"])


def watched(path: Path) -> np.ndarray:
    """The frames of a film, as ffmpeg decodes them, (frames, height, width, 3)."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    reader = imageio_ffmpeg.read_frames(path)
    width, height = next(reader)["size"]
    reader.close()
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def seen(simulator: ToySimulator) -> Observation:
    """A table with two cameras: a bar that grows with the push."""
    assert simulator.task is not None
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, : round(64 * simulator._pushed)] = 255
    state = {"pushed": np.array([simulator._pushed])}
    return Observation({"front": picture, "wrist": picture[:, :32]}, state, f"push {simulator.task.name}")


def test_several_are_played_again_into_films_and_frames(
    played: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToySimulator, "observe", seen)
    result = played.runpytest_inprocess(
        "--robust-replay=1-3", "--robust-replay-as=mp4,png", "--robust-replay-to=out", LEDGER
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(["video: *robustplus-episode-1.mp4", "3 episodes played again, 3 came out the same."])
    film = watched(played.path / "out/robustplus-episode-1.mp4")
    frames = sorted((played.path / "out/robustplus-episode-1").glob("front_*.png"))
    assert len(film) == len(frames) > 1
    assert film[0].shape[1:] == (film.shape[2], 3)
    assert imageio.v3.imread(frames[0]).max() == 0, "seen before anything was done"
    assert (imageio.v3.imread(frames[-1])[:, 0] == 255).all()
    assert film[-1][48:].std() > 10, "a caption"


def test_a_dataset_of_chosen_episodes(played: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToySimulator, "observe", seen)
    options = ("--robust-replay=weak,1-70", "--robust-replay-as=lerobot", LEDGER)
    assert played.runpytest_inprocess(*options).ret == 0
    place = played.path / "robustplus-lerobot"
    info = json.loads((place / "meta/info.json").read_text())
    table = parquet.read_table(place / "data/chunk-000/file-000.parquet").to_pylist()
    episodes = parquet.read_table(place / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert (info["total_episodes"], info["total_frames"]) == (len(episodes), len(table))
    assert [row["index"] for row in table] == list(range(len(table)))
    assert episodes[-1]["dataset_to_index"] == len(table)
    assert table[0]["observation.state"] == [0.0], "what was seen before the action"
    assert table[0]["action"] == pytest.approx([0.3, 0.3])
    assert table[1]["observation.state"] == pytest.approx([0.3])
    films = [watched(place / f"videos/observation.images.{c}/chunk-000/file-000.mp4") for c in ("front", "wrist")]
    assert [len(film) for film in films] == [len(table)] * 2
    again = played.runpytest_inprocess(*options)
    assert again.ret == pytest.ExitCode.USAGE_ERROR
    again.stderr.fnmatch_lines(["*robustplus-lerobot is there already*"])


def test_what_cannot_be_shown_is_said(played: pytest.Pytester) -> None:
    result = played.runpytest("--robust-replay=1", "--robust-replay-as=gif", LEDGER)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Unknown form 'gif'*Known: lerobot, mp4, png, rrd*"])
    result = played.runpytest("--robust-replay=noise,weak", LEDGER)
    result.stderr.fnmatch_lines(["*No episode of *l.sqlite is meant by that*"])
