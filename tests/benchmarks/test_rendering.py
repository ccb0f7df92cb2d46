"""Which driver is chosen, and what is said when there is none; no driver is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks import rendering, vulkan
from pytest_robustplus.benchmarks.vulkan import Device
from pytest_robustplus.errors import BadInputError

OLD = Device("llvmpipe", "cpu", "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)")
NEW = Device("llvmpipe", "cpu", "llvmpipe Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)")
SWIFT = Device("SwiftShader Device", "cpu", "SwiftShader driver 5.0.0")
CARD = Device("NVIDIA H200", "discrete", "NVIDIA 550.54")
LAVAPIPE, SWIFTSHADER = Path("/drivers/lvp_icd.json"), Path("/drivers/vk_swiftshader_icd.json")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in vulkan.VARIABLES:
        monkeypatch.setenv(name, "")
    rendering.choose_renderer.cache_clear()
    yield
    rendering.choose_renderer.cache_clear()


def machine(monkeypatch: pytest.MonkeyPatch, *, lavapipe: Device | None, swift: bool, card: bool = False) -> None:
    found = {LAVAPIPE: [lavapipe] if lavapipe else [], SWIFTSHADER: [SWIFT], None: [CARD] if card else []}
    monkeypatch.setattr(vulkan, "devices", lambda manifest=None: found[manifest])
    monkeypatch.setattr(vulkan, "lavapipe", lambda: LAVAPIPE if lavapipe else None)
    monkeypatch.setattr(vulkan, "swiftshader", lambda: SWIFTSHADER if swift else None)


@pytest.mark.parametrize(
    ("lavapipe", "swift", "card", "chosen", "manifest"),
    [
        (NEW, True, False, "Mesa 25.0.7", LAVAPIPE),
        (OLD, True, False, "SwiftShader", SWIFTSHADER),
        (None, True, False, "SwiftShader", SWIFTSHADER),
        (NEW, True, True, "NVIDIA H200", None),
    ],
)
def test_a_card_then_lavapipe_new_enough_then_swiftshader(
    monkeypatch: pytest.MonkeyPatch,
    lavapipe: Device | None,
    swift: bool,
    card: bool,
    chosen: str,
    manifest: Path | None,
) -> None:
    machine(monkeypatch, lavapipe=lavapipe, swift=swift, card=card)
    assert chosen in rendering.choose_renderer().name
    assert os.environ["VK_ICD_FILENAMES"] == (str(manifest) if manifest else "")


@pytest.mark.parametrize(("lavapipe", "why"), [(OLD, "22.3.6.*too old"), (None, "neither a graphics card")])
def test_without_a_driver_one_line_to_run(monkeypatch: pytest.MonkeyPatch, lavapipe: Device | None, why: str) -> None:
    machine(monkeypatch, lavapipe=lavapipe, swift=False)
    with pytest.raises(BadInputError, match=rf"{why}.*Run: .*apt-get install -y .*mesa-vulkan-drivers") as refused:
        rendering.choose_renderer()
    assert "\n" not in str(refused.value)


def test_the_callers_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, lavapipe=NEW, swift=True)
    for given, other in (vulkan.VARIABLES, vulkan.VARIABLES[::-1]):
        monkeypatch.setenv(given, "/own.json")
        monkeypatch.delenv(other, raising=False)
        for _ in range(2):
            with pytest.raises(BadInputError, match=rf"^{given}=/own\.json shows no Vulkan device"):
                rendering.choose_renderer()
