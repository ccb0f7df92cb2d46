"""Plays LIBERO-PRO: LIBERO's environment on other task files, with their objects."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_pro import files
from pytest_robustplus.benchmarks.libero_pro.tasks import played


class ProSimulator(LiberoSimulator):
    """LIBERO-Plus' simulator on LIBERO-PRO's files."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        packages.import_environment(options.get("assets"))
        known = importlib.import_module(packages.OBJECTS).OBJECTS_DICT
        for name in packages.PATH_GLOBALS:
            files.register_objects(importlib.import_module(name), known)
        super().__init__(*arguments, **options)

    def reset(self, task: Task) -> str:
        return super().reset(task if task.blocked else played(task))

    def provenance(self) -> Mapping[str, str]:
        return {**super().provenance(), "libero_pro": files.edition()}
