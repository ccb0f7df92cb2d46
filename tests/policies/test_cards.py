"""Model cards: every model of the paper has one, each is complete, and a mistake in one is named."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import FOLDER, Card, card_from_mapping, default_profile, load_cards
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.reporting.models import table

CARDS = load_cards()
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
SCRIPTS = {"expert", "demo_replay", "zero"}
REFERENCES = {"reference", "reference_robust"}
FAMILIES = {
    "vla": {
        "pi0", "pi0_fast", "pi05", "openvla_oft", "x_vla", "ript_vla", "univla", "abot_m0", "holobrain0_gd",
        "holobrain0_qwen", "starvla",
    },
    "hybrid": {"vla_jepa", "motus"},
    "wam": {"ge_act", "cosmos_policy", "lingbot_va", "fast_wam", "fast_wam_joint", "dreamzero", "gigaworld_policy"},
    "script": SCRIPTS,
    "own": REFERENCES,
}  # fmt: skip


def test_every_model_of_the_paper_has_a_card_in_its_family() -> None:
    assert {
        card.family: {c.name for c in CARDS.values() if c.family == card.family} for card in CARDS.values()
    } == FAMILIES


def test_cards_are_sorted_by_name() -> None:
    assert list(CARDS) == sorted(CARDS)
    assert all(name == card.name for name, card in CARDS.items())


@pytest.mark.parametrize("name", sorted(CARDS.keys() - SCRIPTS - REFERENCES))
def test_a_published_model_says_where_it_comes_from_and_how_to_reach_it(name: str) -> None:
    card = CARDS[name]
    assert card.title
    assert card.paper.startswith("arXiv:")
    assert card.transports
    assert not card.policy
    assert bool(card.unavailable) != any(card.checkpoints.values())
    # Only a benchmark that the model has a profile for can be played, whatever its checkpoints.
    assert set(card.checkpoints) <= set(card.profiles)
    assert set(card.benchmarks) <= set(card.profiles)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_needs_no_camera_and_no_server(name: str) -> None:
    card = CARDS[name]
    assert card.policy
    assert card.profiles["libero_plus"].cameras == ()


def test_the_dialects_are_those_of_the_transports() -> None:
    spoken = {card.transports[0]: set() for card in CARDS.values() if card.dialect}
    for card in CARDS.values():
        if card.dialect:
            spoken[card.transports[0]].add(card.dialect)
    assert spoken == {
        "openpi": {"openpi", "starvla", "starvla-flat", "starvla-payload", "ge", "lingbot", "dreamzero"},
        "act": {"xvla", "oft", "cosmos", "univla"},
    }


@pytest.mark.parametrize("name", sorted(CARDS.keys() - SCRIPTS - REFERENCES))
def test_a_model_names_the_benchmarks_that_have_a_row_for_it(name: str) -> None:
    card, baselines = CARDS[name], Baselines.load()
    found = {b for b in card.profiles if baselines.find(card.baseline, b, Dimension.CAMERA) is not None}
    assert found == set(card.benchmarks)


# Facts of the protocols, written down a second time from the models' own evaluation scripts.
@pytest.mark.parametrize(
    ("name", "horizons", "chunk", "replan", "env_seed"),
    [
        ("pi0", (220, 280, 300, 520), 50, 5, 7),
        ("pi0_fast", (220, 280, 300, 520), 10, 5, 7),
        ("pi05", (220, 280, 300, 520), 10, 5, 7),
        ("openvla_oft", (220, 280, 300, 520), 8, 8, 0),
        ("ript_vla", (220, 280, 300, 520), 8, 8, 0),
        ("univla", (240, 300, 320, 550), 0, 1, 0),
        ("x_vla", (800, 800, 800, 900), 30, 30, 142),
        ("abot_m0", (220, 280, 300, 520), 10, 10, 7),
        ("vla_jepa", (520, 520, 520, 520), 7, 7, 7),
        ("ge_act", (990, 990, 990, 990), 36, 8, 0),
        ("cosmos_policy", (220, 280, 300, 520), 16, 16, 0),
        ("lingbot_va", (796, 796, 796, 796), 16, 1, 7),
        ("fast_wam", (400, 400, 400, 700), 32, 10, 42),
        ("fast_wam_joint", (400, 400, 400, 700), 32, 10, 42),
    ],
)
def test_protocols_on_libero(name: str, horizons: tuple[int, ...], chunk: int, replan: int, env_seed: int) -> None:
    profile = CARDS[name].profiles["libero_plus"]
    assert tuple(profile.horizons[suite] for suite in SUITES) == horizons
    assert (profile.chunk, profile.replan, profile.env_seed) == (chunk, replan, env_seed)


def test_what_a_user_adds_to_a_request_leaves_what_the_card_says() -> None:
    table = {"profile": {"robotwin_plus": {"request": {"ckpt_setting": "here", "seed": 7}}}}
    fast = card_from_mapping("mine", {"like": "fast_wam", **table}, CARDS).over("python").profiles["robotwin_plus"]
    assert fast.request == {"ckpt_setting": "here", "replan_steps": 24, "seed": 7}
    pi05 = card_from_mapping("mine", {"like": "pi05", **table}, CARDS).over("python").profiles["robotwin_plus"]
    assert pi05.request == {"ckpt_setting": "here", "pi0_step": 50, "seed": 7}


def test_what_liberos_own_protocol_says() -> None:
    profile = default_profile("libero_plus")
    assert (profile.image_size, profile.image_width, profile.settle_steps) == (256, 0, 10)
    assert profile.settle_action == (0, 0, 0, 0, 0, 0, -1)
    assert profile.flip == {"agentview": "rotate180", "wrist": "rotate180"}
    assert profile.prompt_source == "task_language"
    assert (profile.control, profile.action_width) == ("delta", 7)


def test_reached_through_vla_eval_nothing_is_done_twice() -> None:
    plain = default_profile("libero_plus")
    for card in CARDS.values():
        if "libero_plus" not in card.profiles or card.family == "script":
            continue
        profile = card.over("vla-eval").profiles["libero_plus"]
        assert (profile.flip, profile.state, profile.action, profile.gripper, profile.unnormalise, profile.resize) == (
            plain.flip, plain.state, (), "identity", "server", "none",
        )  # fmt: skip
        # The protocol stays the model's.
        own = card.profiles["libero_plus"]
        assert (profile.horizons, profile.control, profile.env_seed) == (own.horizons, own.control, own.env_seed)


def test_reached_through_its_own_server_a_card_is_as_it_is() -> None:
    assert CARDS["x_vla"].over("act") is CARDS["x_vla"]


def test_loading_takes_no_numpy_and_little_time() -> None:
    loading = "from pytest_robustplus.policies.cards import load_cards; load_cards()"
    code = f"import sys; {loading}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    times = []
    for _ in range(5):
        start = process_time()
        load_cards()
        times.append(process_time() - start)
    assert min(times) < 0.05


def test_the_table_names_every_model_and_why_one_is_unavailable() -> None:
    text = table(CARDS, 400)
    assert all(name in text for name in CARDS)
    assert "no plans" in " ".join(text.split())


@pytest.mark.parametrize("width", [80, 100, 139, 140])
def test_the_table_breaks_no_name_and_is_as_wide_as_the_terminal(width: int) -> None:
    lines = table(CARDS, width).splitlines()
    assert max(map(len, lines)) <= width
    words = {word for line in lines for word in line.split()}
    assert {*CARDS, *(benchmark for card in CARDS.values() for benchmark in card.profiles)} <= words
    # A name that needs more has more.
    mine = "my_own_checkpoint_" * 4
    assert any(
        line.startswith(f"{mine} ") for line in table({mine: replace(CARDS["pi05"], name=mine)}, 80).splitlines()
    )


MINE = 'title = "Mine"\nfamily = "vla"\n'
LIBERO = MINE + "[profile.libero_plus]\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_card_file_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, 'title = "Mine"\nfamily = "vla"\n[profile.libero_plus]\nreplan = 4\n')
    for extra in (path, tmp_path):
        cards = load_cards([extra])
        assert cards["mine"].profiles["libero_plus"].replan == 4
        assert cards["mine"].baseline == "mine"
        assert len(cards) == len(CARDS) + 1


def test_a_card_for_a_plugins_benchmark(tmp_path: Path) -> None:
    card = load_cards([write(tmp_path, MINE + "[profile.kitchen]\nreplan = 3")])["mine"]
    assert card.profiles == {"kitchen": replace(Profile(), replan=3)}


def test_a_card_may_say_how_a_transport_differs(tmp_path: Path) -> None:
    text = LIBERO + 'gripper = "sign"\n[via.lerobot.libero_plus]\ngripper = "threshold"\n'
    card = load_cards([write(tmp_path, 'transports = ["lerobot", "vla-eval"]\n' + text)])["mine"]
    rules = [card.over(transport).profiles["libero_plus"].gripper for transport in ("act", "lerobot", "vla-eval")]
    assert rules == ["sign", "threshold", "identity"]


def test_a_card_given_as_an_object_replaces_its_namesake() -> None:
    mine = Card(name="pi05", title="Mine", family="own", baseline="pi05", profiles={})
    assert load_cards([mine])["pi05"] is mine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(MINE + 'license = "MIT"', r"'license' \(from .*mine\.toml\).*mean 'licence'", id="key"),
        pytest.param('family = "vla"', r"mine\.toml: the key 'title' is missing; it must be a string", id="missing"),
        pytest.param('title = "M"\nfamily = "val"', r"mine\.toml: family.*mean 'vla'", id="family"),
        pytest.param('title = 3\nfamily = "vla"', r"mine\.toml: title must be a string, not 3", id="type"),
        pytest.param(MINE + 'transports = ["act", 3]', r"transports\[1\] must be a string", id="item"),
        pytest.param(MINE + 'checkpoints.robotwin_plus = "x"', r"checkpoints\.robotwin_plus must be a list", id="list"),
        pytest.param(MINE + "profile = 3", r"profile must be a table", id="table"),
        pytest.param(LIBERO + "replann = 3", r"\[profile\.libero_plus\].*mean 'replan'", id="profile key"),
        pytest.param(LIBERO + 'flip.wrist = "rot180"', r"flip\.wrist.*mean 'rotate180'", id="flip"),
        pytest.param(MINE + "[profile.libero_pluss]", r"mean 'libero_plus'", id="benchmark"),
        pytest.param(MINE + 'benchmarks = ["robotwin-plus"]', r"mean 'robotwin_plus'", id="benchmark in the list"),
        pytest.param(MINE + "benchmarks = 3", r"benchmarks must be a list", id="benchmarks"),
        pytest.param(MINE + 'transports = ["act"]\n[via.atc]', r"transport 'atc'.*mean 'act'", id="via"),
        pytest.param('title = "M', r"mine\.toml is not valid TOML", id="syntax"),
    ],
)
def test_a_mistake_in_a_card_names_file_key_and_the_nearest_right_one(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        load_cards([write(tmp_path, text)])


def test_a_card_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"Cannot read the model card .*nowhere\.toml: No such file"):
        load_cards([tmp_path / "nowhere.toml"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replan": 0}, "replan must be at least 1"),
        ({"replan": 9, "chunk": 8}, "replan must be at most chunk = 8"),
        ({"jpeg_quality": 101}, "jpeg_quality"),
        ({"crop_area": 0.0}, "crop_area"),
        ({"crop_area": 1.1}, "crop_area"),
        ({"depth": ("front",)}, "depth must be of cameras of the profile"),
        (
            {"depth": ("wrist",), "resize": "pad", "input_size": (224, 224)},
            "depth must be empty where frames are resized",
        ),
        ({"depth": ("wrist",), "crop_area": 0.9}, "depth must be empty where frames are resized"),
        ({"resize": "pad"}, "input_size must be"),
        ({"input_size": (224, 224)}, "input_size must be"),
        ({"resize": "pad", "input_size": (224,)}, "input_size must be"),
        ({"horizons": {"libero_goal": 0}}, "horizons"),
        ({"settle_action": (0.0,)}, "settle_action must be 7 numbers"),
        ({"env_seed": -1}, "env_seed"),
    ],
)
def test_a_profile_refuses_what_no_model_can_mean(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        Profile(**changes)


def test_the_cards_are_packaged() -> None:
    assert FOLDER.is_relative_to(Path(sys.modules["pytest_robustplus"].__file__ or "").parent)
