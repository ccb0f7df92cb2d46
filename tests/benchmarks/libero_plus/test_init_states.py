"""Initial states: every file reads, and a file that asks for anything but an array is refused unrun."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_robustplus.benchmarks.libero_plus import init_states as module
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state, init_states
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks, variant_name
from pytest_robustplus.errors import BadInputError

MILK = "pick_up_the_milk_and_place_it_in_the_basket"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is read in place of the package's."""
    path = tmp_path / "planted.pruned_init"
    monkeypatch.setattr(packages, "init_file", lambda suite, name: path)
    module.init_states.cache_clear()
    yield path
    module.init_states.cache_clear()


def plant(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)


def test_base_tasks_have_fifty_distinct_states() -> None:
    for suite, base in {(task.suite, task.base) for task in tasks()}:
        states = init_states(suite, base)
        assert len(states) == 50
        assert len(np.unique(states, axis=0)) > 1
        assert (states[:, 0] >= 0).all()  # a flattened MuJoCo state begins with the time


def test_every_task_has_its_file_and_layout_tasks_their_own() -> None:
    paths = {}
    for task in tasks():
        path = packages.init_file(task.suite, variant_name(task))
        paths.setdefault(path, task)
        assert ("libero_newobj" in path.parts) == (task.dimension == "layout"), task.name
    assert len(paths) == 40 + 1525
    assert all(path.is_file() for path in paths)


def test_a_layout_task_has_one_state_of_its_own() -> None:
    task = next(task for task in tasks() if task.subdimension == "moved objects")
    own, base = init_states(task.suite, variant_name(task)), init_states(task.suite, task.base)
    assert own.shape == (1, base.shape[1])
    assert not np.array_equal(own[0], base[0])


def test_a_variant_starts_from_its_base_task() -> None:
    for suffix in ("_view_0_0_100_0_0_initstate_3", "_language_1_view_0_0_100_0_0_initstate_0", "_tb_1", "_light_2"):
        assert np.array_equal(init_states("libero_object", MILK + suffix), init_states("libero_object", MILK))
    # "from_table_center" is not a variant's suffix
    center = "pick_up_the_black_bowl_from_table_center_and_place_it_on_the_plate"
    assert packages.init_file("libero_spatial", f"{center}_table_3").stem == center


@pytest.mark.parametrize("trial", [-1, 50])
def test_a_trial_that_is_not_stored_is_an_error(trial: int) -> None:
    with pytest.raises(BadInputError, match="50 stored initial states"):
        init_state("libero_object", MILK, trial)


def test_states_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        init_states("libero_object", MILK)[0, 0] = 1


@pytest.mark.parametrize("core", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_arrays_of_both_numpy_generations_are_read(planted: Path, core: str) -> None:
    states = np.arange(6.0).reshape(2, 3)
    content = pickle.dumps(states, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    plant(planted, content.replace(b"numpy.core.multiarray", core.encode()))
    assert np.array_equal(init_states("libero_object", MILK), states)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def test_a_pickle_that_would_write_a_file_is_refused_unrun(planted: Path, tmp_path: Path) -> None:
    written = tmp_path / "written"
    content = pickle.dumps(Attack(written), protocol=2)
    plant(planted, content)
    with pytest.raises(BadInputError, match=r"refused: it asks for .*io\.open"):
        init_states("libero_object", MILK)
    assert not written.exists()
    pickle.Unpickler(io.BytesIO(content)).load().close()  # an ordinary reader would have run it
    assert written.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps([1.0, 2.0], protocol=2), "holds a list"),
        (pickle.dumps(np.array([[1, 2]]), protocol=2), "int64"),
        (pickle.dumps(np.array([[np.nan]]), protocol=2), "finite"),
        (b"not a pickle", "refused"),
    ],
)
def test_what_is_no_array_of_states_is_refused(planted: Path, content: bytes, reason: str) -> None:
    plant(planted, content)
    with pytest.raises(BadInputError, match=reason):
        init_states("libero_object", MILK)


def test_a_file_that_is_no_archive_or_missing_is_an_error(planted: Path) -> None:
    with pytest.raises(BadInputError, match="no stored initial states at"):
        init_states("libero_object", MILK)
    planted.write_bytes(b"nothing of the kind")
    with pytest.raises(BadInputError, match="not a zip file"):
        init_states("libero_object", MILK)
