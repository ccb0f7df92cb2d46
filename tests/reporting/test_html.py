"""The page: whole in itself, honest about what was not measured, and alive in a real browser."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import imageio.v3
import numpy as np
import pytest

from pytest_robustplus.ledger import StoredEpisode
from pytest_robustplus.reporting import plots
from pytest_robustplus.reporting.frontier_plots import radar
from pytest_robustplus.reporting.plots import DARK
from pytest_robustplus.rollout.replay import ReplayResult

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def played() -> dict[str, str]:
    """The page of ``written``, once it is there: several tests read one, and it takes two runs."""
    return {}


@pytest.fixture
def written(toy: pytest.Pytester, played: dict[str, str]) -> Path:
    """The page of a run with a passed, a failed and two unplayable cells."""
    page = toy.path / "report.html"
    if not played:
        play(toy)
        played["page"] = page.read_text()
    page.write_text(played["page"])
    return page


def play(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=steady", "--robust-baseline=none", "--robust-accept")
    result = toy.runpytest(
        "--robust-model=steady,weak", "--robust-perturbation=camera,light", "--robust-html=report.html"
    )
    result.assert_outcomes(passed=1, failed=1, skipped=2)


def test_the_page_holds_everything_and_fetches_nothing(written: Path) -> None:
    text = written.read_text()
    assert not re.search(r"""(src|href)=['"]?(https?:|//|file:)""", text)
    assert "default-src 'none'" in text
    for heading in ("Cells", "Total", "Profile over the dimensions", "Success against severity", "History",
                    "Failing episodes", "Time", "Provenance"):  # fmt: skip
        assert f"<h2>{heading}</h2>" in text
    assert "pytest --robust-replay=" in text
    assert "weight 0." in text, "the parameters of a failing episode"
    assert text.count("data:image/svg+xml;base64,") >= 4


def test_drawings_follow_light_and_dark(written: Path) -> None:
    """On a dark page they stood on white."""
    drawn = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", written.read_text())
    assert drawn
    for svg in (base64.b64decode(data).decode() for data in drawn):
        rules, shown = (
            re.findall("<style>(.*?)</style>", svg, re.DOTALL),
            re.sub("<style.*?</style>", "", svg, flags=re.S),
        )
        assert "prefers-color-scheme: dark" in rules[0]
        assert "#ffffff" not in shown
        assert {*re.findall("#[0-9a-f]{6}", shown)} <= {*DARK}


def test_every_colour_that_is_drawn_has_one_for_dark_pages() -> None:
    sources = [path.read_text() for path in Path(plots.__file__).parent.glob("*plots.py")]
    assert len(sources) >= 3
    own = re.sub("^DARK = .*?^}", "", "\n".join(sources), flags=re.S | re.M)
    assert {*re.findall("#[0-9a-f]{6}", own)} <= {*DARK}
    # An axis around a circle is matplotlib's own, grid and all.
    assert {*re.findall("#[0-9a-f]{6}", radar({"camera": 0.5, "noise": 1.0, "light": 0.2}))} <= {*DARK, *DARK.values()}


def test_an_unmeasured_cell_has_words_and_no_figure(written: Path) -> None:
    rows = _Rows()
    rows.feed(written.read_text())
    shown = {tuple(row[:2]): row for row in rows.cells}
    assert "0 of 60 tasks can be played" in shown["steady", "light"][-1]
    assert shown["steady", "light"][2] == "not measured"
    assert "%" not in "".join(shown["steady", "light"][3:-1])
    assert shown["weak", "camera"][2] == "FAIL"
    assert "light not measured" in written.read_text(), "in the profile, too"
    assert "80.0 %" in shown["weak", "camera"][5]


def test_names_cannot_break_the_page(toy: pytest.Pytester) -> None:
    toy.makepyfile(
        conftest="from toy import pytest_robustplus_benchmarks, card\n"
           "def pytest_robustplus_models():\n"
           "    return [card('evil', unavailable='<script>alert(1)</script> \\'\"')]\n"
    )  # fmt: skip
    toy.runpytest("--robust-model=evil", "--robust-html=report.html", "--robust-ledger=l.sqlite")
    assert "<script>alert" not in (toy.path / "report.html").read_text()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; install Debian's package chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_loads_and_filters_it(written: Path, width: int) -> None:
    probe = written.with_name("probe.html")
    script = """<script>
    const select = document.querySelector("select[name=model]");
    select.value = "weak"; select.dispatchEvent(new Event("input", {bubbles: true}));
    const rows = [...document.querySelectorAll(".cells tbody tr")];
    const images = [...document.images];
    images.forEach((image) => image.loading = "eager");
    Promise.all(images.map((image) => image.decode())).then(() => {
      document.title = JSON.stringify([rows.filter((row) => !row.hidden).length, rows.length,
        document.querySelector("output").textContent, document.documentElement.scrollWidth <= innerWidth,
        [...document.querySelectorAll(".scroll, select, input, button, summary")].every((part) => part.tabIndex === 0),
        getComputedStyle(document.querySelector(".cells thead")).display,
        document.querySelector(".scroll").scrollWidth <= document.querySelector(".scroll").clientWidth,
        [...document.querySelectorAll("picture")].every((one) =>
          (one.querySelector("img").currentSrc === one.querySelector("source").srcset) === innerWidth < 768),
        images.every((image) => image.alt) && !!document.querySelector("picture"),
        innerWidth]);
      parent.postMessage(document.title, "*");
    }).catch((error) => document.title = "broken: " + error);
    </script></html>"""
    probe.write_text(written.read_text().replace("</html>", script))
    # Without a frame no window is narrower than 500 pixels.
    frame = written.with_name("frame.html")
    listening = "<script>onmessage = (event) => document.title = event.data</script>"
    frame.write_text(
        f'<title></title>{listening}<iframe width="{width}" height="900" frameborder="0" src="probe.html">'
    )
    title, console = _load(frame)
    heads = "none" if width == 390 else "table-header-group"
    assert title == f'[2,4,"2 cells shown",true,true,"{heads}",true,true,true,{width}]'
    assert not console


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; install Debian's package chromium")
def test_a_failing_episode_plays_on_video(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def film(stored: StoredEpisode, benchmark: object, video: Path) -> ReplayResult:
        asked.append(stored.record.task)
        frames = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), dtype=np.uint8)
        imageio.v3.imwrite(video, frames, fps=20, codec="libx264", macro_block_size=16)
        return ReplayResult(same=len(asked) != 2, success=True)

    monkeypatch.setattr("pytest_robustplus.rollout.replay.replay", film)
    result = toy.runpytest("--robust-model=weak", "--robust-html=report.html", "--robust-html-videos=3")
    assert [task.split("/")[1].split("_")[0] for task in asked] == ["camera", "noise", "camera", "noise"]
    result.stdout.fnmatch_lines(["no video of episode *, which comes out differently here"])
    text = (toy.path / "report.html").read_text()
    shown = re.findall(r'<figure class="(failed|succeeded)"><video', text)
    assert shown == ["failed", "succeeded"] * 2, "of another dimension, where the own has no such success"
    script = """<script>
    const video = document.querySelector("video");
    video.ontimeupdate = () => { if (video.currentTime > 0.2) document.title = "played"; };
    video.onerror = () => document.title = "broken";
    video.play();
    </script></html>"""
    probe = toy.path / "probe.html"
    probe.write_text(text.replace("</html>", script))
    title, console = _load(probe)
    assert title == "played"
    assert not console


def _load(path: Path) -> tuple[str, list[str]]:
    assert CHROMIUM is not None
    loaded = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,900",
         "--virtual-time-budget=10000", f"--user-data-dir={path.parent / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", loaded.stdout)
    assert title is not None
    return title[1].replace("&quot;", '"'), [line for line in loaded.stderr.splitlines() if "CONSOLE" in line]


class _Rows(HTMLParser):
    """Reads the table of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._inside = ("class", "cells cards") in attrs
        elif tag == "tr" and self._inside:
            self.cells.append([])
        elif tag == "td" and self._inside:
            self.cells[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._inside and self.cells and self.cells[-1]:
            self.cells[-1][-1] += data
