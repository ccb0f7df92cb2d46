"""What a folder holds that is said to be a checkout of RoboTwin: layout, version, sources; nothing is imported."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pytest_robustplus.errors import BadInputError

PLUS, PLAIN = "RoboTwin 2.0-Plus", "RoboTwin 2.0"
OPTION = "--robust-robotwin"
_LAYOUT = (
    "envs/_base_task.py",
    "script/eval_policy.py",
    "task_config/_embodiment_config.yml",
    "task_config/_eval_step_limit.yml",
    "description/utils/generate_episode_instructions.py",
)
_MOVED = ("scripts", "env_cfg")
_PLUS_ONLY = "description/task_instruction_plus"
_SOURCES = ("envs/**/*.py", "task_config/*.yml", "description/utils/*.py")
DOWNLOAD = "bash script/_download_assets.sh"
_GIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout as found: ``version`` is PLUS or PLAIN, ``commit`` git's (empty without git), with a plus if edited.

    ``sources`` digests the code and the configurations, which decide what an episode is.
    """

    folder: Path
    version: str
    commit: str
    sources: str

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"{self.version} {self.commit or 'without git'}, sources {self.sources}"

    def has_task(self, name: str) -> bool:
        """Whether a task's module is there."""
        return (self.folder / "envs" / f"{name}.py").is_file()

    def has_configuration(self, name: str) -> bool:
        """Whether a configuration is there."""
        return (self.folder / "task_config" / f"{name}.yml").is_file()


@cache
def examine(folder: Path) -> Checkout:
    """Say what the folder holds; raises ``BadInputError`` for what cannot be played, with what to do about it."""
    if not folder.is_dir():
        raise BadInputError(f"{OPTION} {folder}: there is no such folder. Name a checkout of {PLUS} or {PLAIN}.")
    if all((folder / name).is_dir() for name in _MOVED) and not (folder / "script").is_dir():
        raise BadInputError(
            f"{OPTION} {folder}: this is RoboTwin's main branch, which moved everything to scripts/ and env_cfg/ and is"
            f" another benchmark. Check out its branch stable_2.0, or {PLUS}."
        )
    if missing := [name for name in _LAYOUT if not (folder / name).is_file()]:
        raise BadInputError(
            f"{OPTION} {folder}: this is no checkout of {PLUS} or {PLAIN}; it lacks {', '.join(missing)}. Name the"
            " folder that holds envs/, script/ and task_config/."
        )
    for name, contents in (("embodiments", "robots"), ("objects", "objects")):
        assets = folder / "assets" / name
        if not (assets.is_dir() and any(assets.iterdir())):
            raise BadInputError(
                f"{OPTION} {folder}: the checkout has no assets yet; assets/{name}, its {contents}, is missing or"
                f" empty. Run there: {DOWNLOAD}"
            )
    version = PLUS if (folder / _PLUS_ONLY).is_dir() else PLAIN
    return Checkout(folder, version, _commit(folder), _digest(folder))


def interpreter(given: Path | None, folder: Path) -> Path:
    """The Python that a checkout runs in: the one given, else that of its own .venv, else ``python3`` on the path."""
    if given is not None:
        if not (given.is_file() and os.access(given, os.X_OK)):
            raise BadInputError(
                f"{OPTION}-python {given}: there is no such program. Name the Python of the environment in which the"
                " checkout was installed, such as ~/miniconda3/envs/RoboTwin/bin/python."
            )
        return given
    own = folder / ".venv" / "bin" / "python"
    return own if own.is_file() else Path(shutil.which("python3") or "/usr/bin/python3")


def inventory(folder: Path) -> str:
    """Digest the names and sizes of all objects, which decide what scenes are built of; 4 GB take 0.1 s."""
    digest = hashlib.sha256()
    for root, folders, files in os.walk(folder / "assets" / "objects"):
        folders.sort()
        for name in sorted(files):
            path = Path(root, name)
            digest.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:12]


def _commit(folder: Path) -> str:
    """Git's short name of the commit, with a plus when tracked files differ from it."""

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=_GIT_S)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    if git("rev-parse", "--show-toplevel") != str(folder.resolve()):
        return ""
    commit = git("rev-parse", "--short=8", "HEAD")
    return f"{commit}+" if commit and git("status", "--porcelain", "--untracked-files=no") else commit


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(folder.glob(pattern)):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
