#!/bin/sh
# Run cells that pass and cells that fail beside the plugins that people really use, all at once, alone and spread; needs the network.
# The last line says what came of it; what is wrong ends it at once.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$work/site" pytest-html pytest-metadata jinja2 markupsafe \
    pytest-json-report allure-pytest allure-python-commons attrs pytest-rerunfailures pytest-timeout pytest-repeat pytest-randomly \
    pytest-cov coverage pytest-sugar termcolor pytest-instafail
export PYTHONPATH="$root:$root/tests/support:$work/site"
mkdir "$work/project" && cd "$work/project"
"$root/.venv/bin/python" - <<'PY'
from pathlib import Path

import toy

Path("conftest.py").write_text("from toy import pytest_robustplus_benchmarks, pytest_robustplus_models\n")
Path("test_suite.py").write_text(toy.SUITE)
Path("toy_baselines.toml").write_text(toy.BASELINES)
Path("pytest.ini").write_text("[pytest]\nrobust_baselines = toy_baselines.toml\nrobust_perturbations = camera noise\n")
PY
for spread in "-n0" "-n2" "-n2 --dist=loadfile" "-n2 --dist=worksteal"; do
    code=0
    # shellcheck disable=SC2086
    "$root/.venv/bin/python" -m pytest $spread --robust-model=steady,weak --robust-fresh --robust-json=ours.json --count=2 --reruns=1 --timeout=120 \
        --instafail --cov=toy --html=page.html --json-report --json-report-file=report.json --alluredir=allure --clean-alluredir \
        --junitxml=junit.xml >said 2>&1 || code=$?
    [ "$code" = 1 ] && ! grep -q "INTERNALERROR" said || { cat said; exit 1; }
    "$root/.venv/bin/python" - <<'PY'
import json
from pathlib import Path
from xml.etree import ElementTree

cells = json.loads(Path("ours.json").read_text())["cells"]
assert sorted((c["model"], c["state"]) for c in cells) == [("steady", "pass")] * 2 + [("weak", "fail")] * 2, cells
outcomes = [test["outcome"] for test in json.loads(Path("report.json").read_text())["tests"]]
assert (outcomes.count("passed"), outcomes.count("failed")) == (4, 4), outcomes
statuses = [json.loads(path.read_text())["status"] for path in Path("allure").glob("*-result.json")]
assert set(statuses) <= {"passed", "failed", "broken"}, statuses
assert "test_success_rate" in Path("page.html").read_text()
assert "helper" not in Path("junit.xml").read_text()
# A FAIL that is run again is one verdict, and stands once for each item.
suite = ElementTree.parse("junit.xml").getroot()[0]
assert (suite.get("tests"), suite.get("failures")) == ("8", "4"), suite.attrib
told = "one verdict, nothing was played again"
assert all(told in " ".join(cell["notes"]) for cell in cells if cell["model"] == "weak"), cells
assert told in Path("said").read_text()
PY
    echo "plugins: $spread as without them"
done
