"""What JUnit's file says of a fault, an error where pytest knows only failures of a call, and of a test tried twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.latency import LatencyReport
from pytest_robustplus.results.run import unplayable


def tell_errors_apart(config: pytest.Config, report: pytest.TestReport) -> None:
    """Turn the failure that pytest's own writer has just noted for a fault into an error."""
    if report.when != "call" or not unplayable(report):
        return
    from _pytest.junitxml import xml_key

    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    for node in xml.node_reporter(report).nodes:
        if node.tag == "failure":
            node.tag = "error"
            xml.stats["failure"] -= 1
            xml.stats["error"] += 1


def tell_notes(config: pytest.Config, report: pytest.TestReport) -> None:
    """Put the notes of a cell or a latency, which travel as data, into words for whoever reads the file."""
    from _pytest.junitxml import xml_key

    if report.when != "teardown" or config.stash.get(xml_key, None) is None:
        return
    for kind in (CellReport, LatencyReport):
        if (found := kind.read(report.user_properties)) is not None and found.notes:
            report.user_properties.append((f"{kind.PROPERTY}notes_in_words", "; ".join(texts(found.notes))))


# What the file holds of tries of which another one of the same test follows, by node id and worker.
_TRIED: pytest.StashKey[dict[tuple[str, str], Any]] = pytest.StashKey()


def forget_tries(config: pytest.Config, report: pytest.TestReport) -> None:
    """Leave out what another try of the same test says, a worker's death or a failure that a plugin runs again.

    pytest's own writer knows no such outcome, and would list a passed test beside the one that counts.
    """
    from _pytest.junitxml import xml_key

    when: str | None = report.when
    outcome: str = report.outcome
    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    tried, this = config.stash.setdefault(_TRIED, {}), (report.nodeid, getattr(report, "worker_id", ""))
    if outcome == "rerun" and Identity.read(report.user_properties) is not None:
        tried[this] = xml.node_reporter(report)
    if this in tried and when in ("???", "teardown"):
        reporter = tried.pop(this)
        xml.node_reporters = {key: other for key, other in xml.node_reporters.items() if other is not reporter}
        xml.node_reporters_ordered = [other for other in xml.node_reporters_ordered if other is not reporter]


def keep_to_schema(config: pytest.Config) -> None:
    """Move the properties of test cases, for which junit-10 and xunit2 have no place, to their suite, by name."""
    from xml.etree import ElementTree

    from _pytest.junitxml import xml_key

    xml = config.stash.get(xml_key, None)
    if xml is None or not Path(xml.logfile).is_file():
        return
    document = ElementTree.parse(xml.logfile)
    for suite in document.iter("testsuite"):
        told = suite.find("properties")
        if told is None:
            told = ElementTree.Element("properties")
            suite.insert(0, told)
        for case in suite.findall("testcase"):
            for own in case.findall("properties"):
                place = f"{case.get('classname')}.{case.get('name')}"
                for found in own:
                    value = found.get("value", "")
                    ElementTree.SubElement(told, "property", name=f"{place}: {found.get('name')}", value=value)
                case.remove(own)
    document.write(xml.logfile, encoding="utf-8", xml_declaration=True)
