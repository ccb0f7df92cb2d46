"""Published and recorded baselines: the arithmetic of every table, the choice of a row, and what bad files say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_robustplus.baselines import Baselines, Row, total, write_recorded
from pytest_robustplus.baselines.library import FOLDER
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus.packages import installed
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import PERTURBATIONS, Dimension

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
# Tasks of LIBERO-Plus by dimension and suite, in the order of SUITES.
LIBERO_PLUS = {
    Dimension.CAMERA: (376, 396, 408, 419),
    Dimension.ROBOT: (350, 398, 409, 393),
    Dimension.LANGUAGE: (390, 354, 410, 383),
    Dimension.LIGHT: (292, 297, 279, 274),
    Dimension.BACKGROUND: (258, 248, 281, 289),
    Dimension.NOISE: (351, 422, 379, 449),
    Dimension.LAYOUT: (385, 403, 425, 312),
}
# What Table 10 of arXiv 2510.13626 weighs by instead.
PERMUTED = LIBERO_PLUS | {Dimension.LANGUAGE: (354, 390, 410, 383), Dimension.LAYOUT: (312, 425, 403, 385)}
TABLE_2 = ("openvla", "openvla_oft", "nora", "worldvla", "univla", "pi0", "pi0_fast", "ript_vla")


pytestmark = pytest.mark.skipif(
    not installed(), reason="LIBERO-Plus, whose task list gives the weights, is not installed"
)
TASKS = tuple(tasks()) if installed() else ()


@pytest.fixture(scope="module")
def published() -> Baselines:
    return Baselines.load(tasks={"libero_plus": TASKS})


def named(row: Row) -> tuple[str, str, str | None]:
    return row.name, row.benchmark, row.suite


def rows_with_total(published: Baselines) -> Iterator[Row]:
    return (row for row in published.rows() if row.total is not None)


def test_every_total_is_recomputed_and_those_that_do_not_add_up_are_marked(published: Baselines) -> None:
    disagree, marked = set(), set()
    for row in rows_with_total(published):
        found = published.total(row.model, row.benchmark, suite=row.suite, label=row.label)
        assert found is not None
        assert found.recomputed is not None, row.origin
        if not found.agrees:
            disagree.add(named(row))
        if not row.total_agrees:
            marked.add(named(row))
            assert row.total_reason, row.origin
    assert disagree == marked
    assert {row for row in disagree if row[2] is None} == {
        ("X-VLA", "libero_plus", None),
        ("Fast-WAM", "libero_plus", None),
        ("Fast-WAM", "robotwin_plus", None),
    }
    assert len(disagree) == 3 + 34


def test_the_rule_that_a_file_names_does_give_the_printed_total(published: Baselines) -> None:
    explained = [row for row in rows_with_total(published) if row.total_printed_by]
    assert {named(row)[:2] for row in explained} == {("Fast-WAM", "libero_plus"), ("Fast-WAM", "robotwin_plus")}
    for row in explained:
        assert row.total_printed_by is not None
        rates = {d: cell.rate for d, cell in row.cells.items()}
        assert total(row.total_printed_by, rates) == pytest.approx(row.total, abs=0.001)


def test_under_one_rule_fast_wam_is_ahead_of_lingbot(published: Baselines) -> None:
    fast, lingbot = (published.total(model, "robotwin_plus") for model in ("fast_wam", "lingbot_va"))
    assert fast is not None
    assert lingbot is not None
    assert fast.printed < lingbot.printed
    assert fast.recomputed is not None
    assert lingbot.recomputed is not None
    assert fast.recomputed > lingbot.recomputed


def test_suite_averages_follow_permuted_counts(published: Baselines) -> None:
    rows = [row for row in rows_with_total(published) if row.suite and row.benchmark == "libero_plus"]
    assert len(rows) == 11 * 4
    for row in rows:
        counts = {d: column[SUITES.index(str(row.suite))] for d, column in PERMUTED.items()}
        rates = {d: cell.rate for d, cell in row.cells.items()}
        assert total("weighted", rates, counts) == pytest.approx(row.total, abs=0.001), row.origin


def test_suites_pool_to_the_columns_of_the_same_paper(published: Baselines) -> None:
    pooled = [r for r in published.rows() if r.source == "arXiv 2510.13626, Table 2"]
    assert {row.model for row in pooled} == set(TABLE_2)
    assert len(pooled) == 11
    for row in pooled:
        for dimension, cell in row.cells.items():
            parts = [published.find(row.model, row.benchmark, dimension, suite=s, label=row.label) for s in SUITES]
            weights = PERMUTED[dimension]
            mean = sum(p.rate * w for p, w in zip(parts, weights, strict=True) if p) / sum(weights)
            assert mean == pytest.approx(cell.rate, abs=0.001), (row.origin, dimension)


def test_the_robustness_study_repeats_the_rows_of_the_libero_plus_paper(published: Baselines) -> None:
    for model, variant in (("pi0", ""), ("pi0_fast", ""), ("univla", ""), ("ript_vla", ""), ("openvla_oft", "-m")):
        study = published.row(model, "libero_plus")
        paper = published.row(model, "libero_plus", label=f"2510.13626{variant}")
        assert study is not None
        assert paper is not None
        assert {d: study.cells[d].rate for d in PERTURBATIONS} == {d: c.rate for d, c in paper.cells.items()}
        assert study.total == paper.total


def test_task_rates_average_to_the_printed_ones(published: Baselines) -> None:
    for benchmark in ("robotwin", "robotwin_randomised"):
        rows = [row for row in published.rows() if row.benchmark == benchmark and row.label == "2506.18088"]
        assert len(rows) == 5 * 51
        for model in ("rdt", "pi0", "act", "dp", "dp3"):
            tasks = [row.cells[Dimension.ORIGINAL].rate for row in rows if row.model == model and row.suite]
            average = published.find(model, benchmark, Dimension.ORIGINAL)
            assert average is not None
            assert average.n == 5000
            assert sum(tasks) / 50 == pytest.approx(average.rate, abs=5e-5)
    limits = [{r.suite: r.step_limit for r in published.rows() if r.benchmark == b and r.suite} for b in
              ("robotwin", "robotwin_randomised")]  # fmt: skip
    assert limits[0] == limits[1]
    assert limits[0]["put_bottles_dustbin"] == 1700


def test_original_columns_are_means_of_the_libero_suites(published: Baselines) -> None:
    off = {}
    for row in published.rows():
        original = row.cells.get(Dimension.ORIGINAL)
        if row.source.startswith("arXiv 2603.22078") and row.benchmark == "libero_plus" and original and row.default:
            suites = [published.find(row.model, "libero_plus", Dimension.ORIGINAL, suite=s) for s in SUITES]
            if all(suites):
                gap = original.rate - sum(s.rate for s in suites if s) / 4
                if abs(gap) > 0.001:
                    off[row.model] = round(100 * gap, 1)
    # GE-Act's is its libero_10 rate; OpenVLA-OFT's row is another checkpoint than the suites are reported for.
    assert off == {"ge_act": -2.1, "openvla_oft": 0.5}
    disputed = published.find("ge_act", "libero_plus", Dimension.ORIGINAL)
    assert disputed is not None
    assert disputed.disputed is not None
    assert disputed.disputed.rates == (0.965,)


def test_latency_ratios_are_the_milliseconds_over_those_of_pi05(published: Baselines) -> None:
    assert len(published.latencies) == 8
    unit = next(x.milliseconds for x in published.latencies if x.model == "pi05")
    for row in published.latencies:
        assert row.ratio == pytest.approx(row.milliseconds / unit, abs=0.06)
    assert [row.model for row in published.latencies if not row.same_device] == ["fast_wam"]


def test_reruns_beyond_the_noise_floor_are_marked_as_disputes(published: Baselines) -> None:
    reruns = {"pi0": "2603.22078-rerun issue-61-replan-10 issue-61-replan-5", "pi05": "acot openwam issue-57"}
    for model, labels in reruns.items():
        for dimension, count in LIBERO_PLUS.items():
            cell = published.find(model, "libero_plus", dimension)
            assert cell is not None
            others = [published.find(model, "libero_plus", dimension, label=label) for label in labels.split()]
            floor = 2.33 * (2 * cell.rate * (1 - cell.rate) / sum(count)) ** 0.5
            far = any(abs(other.rate - cell.rate) > floor for other in others if other)
            assert bool(cell.disputed) == far, (model, dimension)


def test_disputes_carry_their_second_source(published: Baselines) -> None:
    noise = published.find("pi0", "libero_plus", Dimension.NOISE)
    robot = published.find("openvla_oft", "libero_plus", Dimension.ROBOT)
    randomised = published.find("motus", "robotwin_randomised", Dimension.ORIGINAL)
    assert noise is not None
    assert noise.disputed is not None
    assert (noise.rate, noise.disputed.rates, noise.disputed.source) == (0.79, (0.164, 0.176), "LIBERO-plus issue 61")
    assert robot is not None
    assert robot.disputed is not None
    assert robot.disputed.rates == (0.254,)
    assert randomised is not None
    assert randomised.disputed is not None
    assert randomised.disputed.rates == (0.827, 0.856)


def test_every_model_has_one_default_on_every_benchmark(published: Baselines) -> None:
    for row in published.rows():
        assert published.row(row.model, row.benchmark, suite=row.suite) is not None
        for dimension in row.cells:
            assert published.find(row.model, row.benchmark, dimension, suite=row.suite) is not None
    chosen = published.row("openvla_oft", "libero_plus")
    assert chosen is not None
    assert chosen.source == "arXiv 2603.22078v2, Table 4"


def test_every_number_names_its_source_protocol_and_prompt(published: Baselines) -> None:
    for row in published.rows():
        for cell in row.cells.values():
            assert cell.source, row.origin
            assert cell.protocol, row.origin
            assert cell.prompt_source in ("task_language", "bddl", "benchmark", "unstated")
            assert 0 <= cell.rate <= 1


def test_n_comes_from_the_task_list_or_from_the_paper() -> None:
    without, given = Baselines.load(), Baselines.load(tasks={"libero_plus": TASKS})
    n = {
        (b, d, s): [getattr(x.find(m, b, d, suite=s), "n", 0) for x in (without, given)]
        for m, b, d, s in (
            ("pi05", "libero_plus", Dimension.CAMERA, None),
            ("pi0", "libero_plus", Dimension.CAMERA, "libero_10"),
            ("pi05", "libero_plus", Dimension.ORIGINAL, None),
            ("pi05", "robotwin_plus", Dimension.CAMERA, None),
            ("pi05", "libero_plus", Dimension.ORIGINAL, "libero_10"),
        )
    }
    assert list(n.values()) == [[None, 1599], [None, 419], [None, 2000], [2500, 2500], [500, 500]]


def test_total_rules() -> None:
    rates = dict.fromkeys(Dimension, 0.5) | {Dimension.ORIGINAL: 1.0, Dimension.CAMERA: 0.0}
    assert total("mean_of_seven", rates) == pytest.approx(3.0 / 7)
    assert total("mean_of_eight", rates) == pytest.approx(4.0 / 8)
    counts = dict.fromkeys(PERTURBATIONS, 1) | {Dimension.CAMERA: 4}
    assert total("weighted", rates, counts) == pytest.approx(3.0 / 10)
    with pytest.raises(BadInputError, match="original is missing"):
        total("mean_of_eight", dict.fromkeys(PERTURBATIONS, 0.5))
    with pytest.raises(BadInputError, match="number of tasks"):
        total("weighted", rates)


def test_nothing_is_known_of_a_model_without_a_row(published: Baselines) -> None:
    assert published.find("nobody", "libero_plus", Dimension.CAMERA) is None
    assert published.total("pi0", "libero_plus_candidates") is None
    with pytest.raises(BadInputError, match=r"Unknown label '2603.22078-reran'.*Did you mean '2603.22078-rerun'"):
        published.find("pi0", "libero_plus", Dimension.CAMERA, label="2603.22078-reran")


TABLE = """
[[table]]
benchmark = "libero_plus"
paper = "a paper"
label = "mine"
prompt_source = "bddl"
protocol = "as published"
across = "dimension"
columns = ["camera", "robot"]
row = [{ model = "pi0", name = "one", percent = [1.0, 2.0] }]
"""


def test_a_file_of_the_users_outranks_those_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TABLE)
    baselines = Baselines.load([tmp_path])
    camera = baselines.find("pi0", "libero_plus", Dimension.CAMERA)
    noise = baselines.find("pi0", "libero_plus", Dimension.NOISE)
    assert camera is not None
    assert noise is not None
    assert (camera.rate, camera.source, noise.rate) == (0.01, "a paper", 0.79)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("protocol =", "protocl =", r"Unknown key 'protocl' \(from .*f.toml: table 1\). Did you mean 'protocol'"),
        ("name =", "nam =", r"Unknown key 'nam' \(from .*table 1, row 1\). Did you mean 'name'"),
        ('model = "pi0", ', "", r"table 1, row 1: the key 'model' is missing"),
        ('paper = "a paper"\n', "", r"row 1: the key 'paper' is missing"),
        ("[1.0, 2.0]", "[1.0]", r"row 1: percent has 1 numbers for 2 columns"),
        ("[1.0, 2.0]", "[1.0, 200]", r"200.0 is not a percentage"),
        ("[1.0, 2.0]", '[1.0, "2"]', r"percent\[1\] must be a number"),
        ('"camera"', '"camra"', r"Unknown dimension 'camra' \(from .*columns\). Did you mean 'camera'"),
        ('across = "dimension"', 'across = "dimensions"', r"Did you mean 'dimension'"),
        ('"bddl"', '"bdl"', r"Unknown value 'bdl'.*Did you mean 'bddl'"),
        ("[[table]]", "[[tabel]]", r"Unknown key 'tabel' \(from .*f.toml\). Did you mean 'table'"),
        ("[[table]]", "[table]", r"table must be written as \[\[table\]\]"),
        ("row = [{", "row = [", r"is not valid TOML"),
        ("row = [{", "row = [1, {", r"row must be a list of tables"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TABLE
    (tmp_path / "f.toml").write_text(TABLE.replace(old, new))
    with pytest.raises(BadInputError, match=message):
        Baselines.load([tmp_path / "f.toml"])


@pytest.mark.parametrize(
    ("dispute", "message"),
    [
        ('row = "two"\ncolumn = "camera"', "0 rows are called 'two'"),
        ('row = "one"\ncolumn = "noise"', "Unknown column 'noise'"),
    ],
)
def test_a_dispute_must_belong_to_a_number(tmp_path: Path, dispute: str, message: str) -> None:
    (tmp_path / "f.toml").write_text(f'{TABLE}[[table.disputed]]\npercent = [5.0]\nsource = "x"\n{dispute}\n')
    with pytest.raises(BadInputError, match=message):
        Baselines.load([tmp_path])


def test_two_rows_may_not_claim_one_cell(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TABLE)
    (tmp_path / "b.toml").write_text(TABLE)
    with pytest.raises(BadInputError, match=r"b.toml.*already has a row labelled 'mine' \(.*a.toml"):
        Baselines.load([tmp_path])
    (tmp_path / "b.toml").write_text(TABLE.replace('"mine"', '"yours"'))
    ambiguous = Baselines.load([tmp_path])
    with pytest.raises(BadInputError, match=r"several baselines of the same standing: 'mine' .*'yours'"):
        ambiguous.find("pi0", "libero_plus", Dimension.CAMERA)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"Cannot read the baselines in .*nowhere.toml: No such file"):
        Baselines.load([tmp_path / "nowhere.toml"])
    with pytest.raises(BadInputError, match="holds no baseline file"):
        Baselines.load([tmp_path])


def record(path: Path, outcomes: Mapping[str, bool], tasks: Sequence[Task] = TASKS) -> None:
    write_recorded(
        path,
        outcomes,
        tasks,
        model="expert",
        benchmark="libero_plus",
        label="recorded",
        date="2026-11-22",
        task_list='every "playable" task',
        prompt_source="task_language",
        protocol="official",
        versions={"mujoco": "3.3.7", "a b": "1"},
    )


def test_a_recorded_run_comes_back_task_by_task(tmp_path: Path) -> None:
    path = tmp_path / "expert.toml"
    outcomes = {task.name: i % 3 > 0 for i, task in enumerate(TASKS) if task.dimension is not Dimension.LIGHT}
    noisy = next(task for task in TASKS if task.dimension is Dimension.NOISE and task.suite == "libero_goal")
    del outcomes[noisy.name]
    record(path, outcomes)
    assert path.stat().st_size < 100_000
    assert list(tmp_path.iterdir()) == [path]

    baselines = Baselines.load([path], tasks={"libero_plus": TASKS})
    read: dict[str, bool] = {}
    for dimension in Dimension:
        cell = baselines.find("expert", "libero_plus", dimension)
        if cell is None:
            continue
        assert cell.outcomes is not None
        assert cell.n == len(cell.outcomes)
        assert cell.rate == pytest.approx(sum(cell.outcomes.values()) / len(cell.outcomes))
        assert cell.versions["mujoco"] == "3.3.7"
        read |= cell.outcomes
    assert read == outcomes

    goal = baselines.find("expert", "libero_plus", Dimension.NOISE, suite="libero_goal")
    assert goal is not None
    assert goal.n == 378
    assert goal.source == 'recorded 2026-11-22, every "playable" task'
    assert baselines.total("expert", "libero_plus") is None  # a dimension is missing


def test_a_recorded_total_pools_its_own_tasks(tmp_path: Path) -> None:
    outcomes = {task.name: task.dimension is Dimension.CAMERA for task in TASKS}
    record(tmp_path / "expert.toml", outcomes)
    found = Baselines.load([tmp_path], tasks={"libero_plus": TASKS}).total("expert", "libero_plus")
    assert found is not None
    assert found.printed == found.recomputed == pytest.approx(1599 / 10030)
    unlisted = Baselines.load([tmp_path]).find("expert", "libero_plus", Dimension.CAMERA)
    assert unlisted is not None
    assert (unlisted.n, unlisted.outcomes) == (1599, None)


def test_one_flipped_task_changes_two_lines(tmp_path: Path) -> None:
    outcomes = {task.name: True for task in TASKS}
    flipped = [task for task in TASKS if task.dimension is Dimension.ROBOT and task.suite == "libero_10"][77]
    record(tmp_path / "a.toml", outcomes)
    record(tmp_path / "b.toml", outcomes | {flipped.name: False})
    before, after = ((tmp_path / name).read_text().splitlines() for name in ("a.toml", "b.toml"))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new for _, new in changed] == [
        "robot = { n = 1550, successes = 1549, percent = 99.94 }",
        f'    "{"1" * 27}0{"1" * 22}",',
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('    "0', '    "1', "rates.camera does not say what outcomes.camera adds up to"),
        ("percent = 49.97", "percent = 94.97", "rates.camera does not say"),
        ('    "0', '    "x', "outcomes.camera.libero_spatial must be lines of 1, 0"),
        ("camera = {", "camra = {", "Unknown dimension 'camra'.*Did you mean 'camera'"),
        ('model = "expert"', 'modle = "expert"', "Unknown key 'modle'.*Did you mean 'model'"),
        ("libero_spatial = [", "libero_spacial = [", "outcomes.camera.libero_spacial has 376 marks for 0 listed tasks"),
    ],
)
def test_an_edited_recording_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "expert.toml"
    camera = [task for task in TASKS if task.dimension is Dimension.CAMERA]
    record(path, {task.name: i % 2 > 0 for i, task in enumerate(camera)})
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInputError, match=message):
        Baselines.load([path], tasks={"libero_plus": TASKS})


def test_a_recording_over_another_list_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "expert.toml", {TASKS[0].name: True})
    with pytest.raises(BadInputError, match="recorded over another task list of libero_plus"):
        Baselines.load([tmp_path], tasks={"libero_plus": TASKS[::-1]})


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="lists no task 'elsewhere'"):
        record(tmp_path / "a.toml", {"elsewhere": True})
    with pytest.raises(BadInputError, match="no outcome to record"):
        record(tmp_path / "a.toml", {})
    with pytest.raises(BadInputError, match=r"Cannot write the baseline .*No such file or directory"):
        record(tmp_path / "missing" / "a.toml", {TASKS[0].name: True})
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match=r"Cannot write the baseline .*Not a directory"):
        record(tmp_path / "file" / "a.toml", {TASKS[0].name: True})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_files_are_those_at_the_root_of_the_repository() -> None:
    root = Path(__file__).parents[2] / "baselines"
    assert FOLDER.resolve() == root
    assert {"libero_plus.toml", "robotwin_plus.toml", "latency.toml"} <= {path.name for path in root.iterdir()}


def test_reading_baselines_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pytest_robustplus.baselines import Baselines; Baselines.load();"
        "print([m for m in ('numpy', 'scipy', 'pytest', 'mujoco', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_what_other_papers_print_stands_beside_and_is_held_against_nothing() -> None:
    baselines = Baselines.load()
    found = baselines.find("pi05", "libero_plus", Dimension.CAMERA)
    assert found is not None
    assert found.source == "arXiv 2603.22078v2, Table 4"
    rates = [each.rate for each in found.elsewhere]
    assert rates == sorted(rates)
    assert (len(rates), rates[0], rates[-1]) == (10, 0.53, 0.876)
    assert found.elsewhere[0].source == "arXiv 2602.08602"
    # By its label it can be asked for as any other row.
    named = baselines.find("pi05", "libero_plus", Dimension.CAMERA, label="2602.08602")
    assert named is not None
    assert (named.rate, named.elsewhere) == (0.53, found.elsewhere)
    assert baselines.find("lingbot_va", "libero_plus", Dimension.CAMERA) is None
