"""JUnit's file is read back by junitparser with every figure; with --robust-strict-junit it holds to the schemas."""

from __future__ import annotations

import os
from pathlib import Path

import junitparser
import pytest
from lxml import etree

# Ours; OTHER_JUNIT_XSD names another one to hold the file against, such as Jenkins' junit-10.xsd.
SCHEMAS = [Path(__file__).parent / "junit.xsd", *map(Path, filter(None, [os.environ.get("OTHER_JUNIT_XSD")]))]


def written(toy: pytest.Pytester, *options: str) -> Path:
    toy.runpytest(
        "--robust-model=steady,weak,secret", "--robust-perturbation=camera,light", "--junitxml=j.xml", *options
    )
    return toy.path / "j.xml"


def wrong(path: Path) -> list[str]:
    document, found = etree.parse(path), []
    for schema in SCHEMAS:
        judge = etree.XMLSchema(etree.parse(schema))
        if not judge.validate(document):
            found.append(f"{schema.name}: {judge.error_log.last_error}")
    return found


def told(case: junitparser.TestCase) -> dict[str, str]:
    return {str(one.name): str(one.value) for group in case.iterchildren(junitparser.Properties) for one in group}


def test_junitparser_reads_every_figure(toy: pytest.Pytester) -> None:
    (suite,) = junitparser.JUnitXml.fromfile(str(written(toy)))
    cases = {case.name: case for case in suite}
    passed, failed = (cases[f"test_success_rate[{model}-toy-camera]"] for model in ("steady", "weak"))
    assert passed.is_passed
    assert not failed.is_passed
    assert all(case.is_skipped for name, case in cases.items() if "light" in name)
    assert told(passed)["robustness_outcome"] == "pass"


@pytest.mark.parametrize("spread", ["-n0", "-n2"])
def test_strict_files_hold_to_the_schemas_and_keep_every_figure(toy: pytest.Pytester, spread: str) -> None:
    assert wrong(written(toy)), "properties of a test case, which no schema knows"
    (suite,) = junitparser.JUnitXml.fromfile(str(toy.path / "j.xml"))
    usual = {f"{case.classname}.{case.name}: {name}" for case in suite for name in told(case)}
    path = written(toy, "--robust-strict-junit", spread)
    assert not wrong(path)
    (strict,) = junitparser.JUnitXml.fromfile(str(path))
    assert {str(one.name) for one in strict.properties()} == usual
    assert len(usual) > 50
    assert len(list(strict)) == len(list(suite)) == 6
