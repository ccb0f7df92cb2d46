"""LIBERO-Plus' 10,030 tasks, and the unperturbed LIBERO tasks that they vary, without importing a simulator."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import assets as merged_assets
from pytest_robustplus.benchmarks.libero_plus import packages, requirements
from pytest_robustplus.benchmarks.libero_plus.names import Variant, parse
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.profile import PromptSource

TRIALS = 50  # initial states that LIBERO stores for each base task
_LANGUAGE = re.compile(r"\(\s*:language\b([^()]*)\)")


@cache
def tasks(assets: Path | None = None) -> TaskList:
    """Every task: the 10,030 in LIBERO-Plus' own order, then 4 × 10 base tasks × 50 stored initial states.

    ``assets`` is an unpacked LIBERO-Plus assets archive. Without it 2,985 tasks carry in ``blocked`` what would unlock
    them; with it, those whose files are not all there. Takes 0.2 s, or 1 s with an archive.
    """
    if assets is not None:
        merged_assets.archive_folder(assets)  # a wrong folder is an error, not 2,985 blocked tasks
    listed = _listed()
    perturbed = [_perturbed(suite, name, assets) for suite in packages.SUITES for name in listed[suite]]
    bases = dict.fromkeys((task.suite, task.base) for task in perturbed)
    original = [
        Task(f"{suite}/{base}#{trial}", suite, base, Dimension.ORIGINAL, init_state=trial)
        for suite, base in bases
        for trial in range(TRIALS)
    ]
    spelling = (
        "SUITE/NAME as in LIBERO-Plus' task list, or SUITE/BASE#TRIAL for an unperturbed task, with SUITE one of"
        f" {', '.join(packages.SUITES)}"
    )
    return TaskList([*perturbed, *original], "LIBERO-Plus", spelling)


def find_task(name: str, assets: Path | None = None) -> Task:
    """Look one task up by name; raises ``BadInputError`` with the nearest names."""
    return tasks(assets).find(name)


def variant_name(task: Task) -> str:
    """Return the task's name as LIBERO-Plus' files and environment use it: without suite and trial."""
    return task.name.partition("/")[2].partition("#")[0]


def instruction(task: Task, source: PromptSource) -> str:
    """Return the words that a policy is told.

    ``task_language`` is what LIBERO-Plus' own task list says, derived from the file name: polluted by the variant's
    suffix in 8,493 of the 10,030 tasks. ``bddl`` is the task's BDDL file as the package's parser reads it: clean, in
    lower case, worded differently from the file name in most of libero_spatial and libero_object.
    """
    name = variant_name(task)
    if source == "bddl" or "_language_" in name:
        return _bddl_language(packages.bddl_file(task.suite, name))
    if name[0].isupper():  # LIBERO-100's names begin with the scene: KITCHEN_SCENE3_…
        name = name[name.find("SCENE") + (8 if "SCENE10" in name else 7) :]
    return name.replace("_", " ")


@cache
def _bddl_language(path: Path) -> str:
    try:
        text = re.sub(r";.*", "", path.read_text()).lower()
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}). Repair it with: {packages.INSTALL}") from error
    found = _LANGUAGE.search(text)
    if found is None:
        raise BadInputError(f"{path} holds no (:language …). Repair it with: {packages.INSTALL}")
    return " ".join(found[1].split())


def _listed() -> Mapping[str, Sequence[str]]:
    path = packages.task_map_file()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "libero_task_map":
            listed: Mapping[str, Sequence[str]] = ast.literal_eval(node.value)
            return listed
    raise BadInputError(f"{path} holds no libero_task_map. Repair it with: {packages.INSTALL}")


def _perturbed(suite: str, name: str, assets: Path | None) -> Task:
    variant = parse(name)
    return Task(
        name=f"{suite}/{name}",
        suite=suite,
        base=variant.base,
        dimension=variant.dimension,
        subdimension=variant.subdimension,
        parameters=variant.parameters,
        blocked=_blocked(suite, name, variant, assets),
    )


def _blocked(suite: str, name: str, variant: Variant, assets: Path | None) -> str:
    """Say which file is missing; all other dimensions play in their base task's scene, which the packages hold."""
    adds_objects = variant.subdimension == "added objects"
    if not adds_objects and variant.dimension not in (Dimension.BACKGROUND, Dimension.LIGHT):
        return ""
    if assets is None and (adds_objects or variant.dimension is Dimension.LIGHT):
        return _reason("the objects it adds" if adds_objects else "its scene file", None)
    if assets is None and suite != "libero_object":
        # libero_object's floor takes other textures of the packages; every other surface has a scene file of its own.
        return _reason("its scene file", None)
    missing = requirements.missing(requirements.declared(suite, name, objects=adds_objects), assets)
    return _reason(missing, assets) if missing else ""


def _reason(what: str, assets: Path | None) -> str:
    if assets is None:
        return (
            f"needs {what}, which only LIBERO-Plus' assets archive holds; unpack assets.zip of the data set "
            f"Sylvest/LIBERO-plus and pass {merged_assets.ARCHIVE_OPTION}=DIR"
        )
    return f"needs {what}, which neither the packages nor {assets} hold; unpack the assets archive there completely"
