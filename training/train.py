"""Trains one policy on collected demonstrations and writes it as ONNX: ``python -m training.train DATA OUT NAME``.

The same seed, data and versions repeat the run. The report beside the checkpoint holds them, and the curves.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from training import data, pictures
from training.export import export
from training.network import Network, Statistics

Kind = Literal["reference", "robust", "blind"]
BATCH, RATE, AUXILIARY = 256, 6e-4, 0.5
_WARM_UP, _DECAY = 300, 0.999
_DROPPED_WORDS, _STATE_NOISE = 0.1, 0.05


class Trainer:
    """Behaviour cloning with an L1 loss, and where the goal's objects are as a second task."""

    def __init__(self, demonstrations: data.Data, kind: Kind, steps: int, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.data, self.kind, self.steps, self.device = demonstrations, kind, steps, device
        training = demonstrations.training
        self.statistics = Statistics(*_moments(demonstrations.state[training], 1e-3))
        self.places = Statistics(*_moments(demonstrations.objects[training], 1e-2))
        self.network = Network(len(demonstrations.vocabulary), blind=kind == "blind").to(device)
        self.network = self.network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=RATE, weight_decay=1e-3, betas=(0.9, 0.98), fused=device == "cuda"
        )
        self.curve: list[dict[str, float]] = []

    def run(self, seconds: float, every: int = 500) -> None:
        """Take all steps; stops early, on the schedule's own slope, when ``seconds`` are up."""
        start = time.monotonic()
        losses = torch.zeros((), device=self.device)
        for step in range(1, self.steps + 1):
            spent = max(step / self.steps, (time.monotonic() - start) / seconds)
            rate = RATE * min(1.0, step / _WARM_UP) * (0.5 * (1 + math.cos(math.pi * min(spent, 1.0))) + 0.01)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            losses += self._step(step)
            if step % every == 0 or spent >= 1:
                point = {"step": step, "seconds": round(time.monotonic() - start, 1)}
                point |= {"loss": round(float(losses) / every, 4), **self._measure()}
                losses.zero_()
                self.curve.append(point)
                print(self.kind, json.dumps(point), flush=True)
            if spent >= 1:
                return

    def _step(self, step: int) -> Tensor:
        d = self.data
        rows = d.training[torch.randint(len(d.training), (BATCH,), device=self.device)]
        loss, place_loss = self._losses(self.network, rows, learning=True)
        self.optimiser.zero_grad(set_to_none=True)
        (loss + AUXILIARY * place_loss).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        keep = min(_DECAY, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - keep)
        return loss.detach()

    def _losses(self, network: Network, rows: Tensor, *, learning: bool) -> tuple[Tensor, Tensor]:
        d = self.data
        state = (d.state[rows] - self.statistics.mean) / self.statistics.scale
        wording = torch.randint(d.sentences.shape[1], (len(rows),), device=self.device)
        tokens = d.sentences[d.task[rows], wording]
        agentview = wrist = torch.zeros(len(rows), 0, device=self.device)
        if learning:
            state = state + torch.randn_like(state) * _STATE_NOISE
            tokens = tokens * (torch.rand(tokens.shape, device=self.device) > _DROPPED_WORDS)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            if self.kind != "blind":
                agentview, wrist = self._pictures(rows, learning)
            actions, places = network(agentview, wrist, state, tokens)
        mask = d.mask[rows][..., None]
        loss = ((actions.float() - d.actions[rows]).abs() * mask).sum() / mask.sum() / 7
        wanted = (d.objects[rows] - self.places.mean) / self.places.scale
        return loss, (places.float() - wanted).abs().mean()

    def _pictures(self, rows: Tensor, learning: bool) -> tuple[Tensor, Tensor]:
        chosen = self.data.images[rows]
        if learning and self.kind == "robust":
            agentview = _pick(chosen[:, 0], chosen[:, 2], torch.rand(len(rows), device=self.device) < 0.75)
            wrist = _pick(chosen[:, 1], chosen[:, 3], torch.rand(len(rows), device=self.device) < 0.5)
        else:
            agentview, wrist = chosen[:, 0], chosen[:, 1]
        views = [_normalised(agentview), _normalised(wrist)]
        if learning:
            views = [pictures.shifted(views[0], 4), pictures.shifted(views[1], 6)]
            views = [pictures.tinted(view, 0.2, 0.1) for view in views]
            if self.kind == "robust":
                views[0] = pictures.noisy(views[0])
        return tuple(view.contiguous(memory_format=torch.channels_last) for view in views)  # type: ignore[return-value]

    @torch.no_grad()
    def _measure(self) -> dict[str, float]:
        rows = self.data.held_out[:2048]
        loss, places = self._losses(self.average, rows, learning=False)
        return {"held_out": round(float(loss), 4), "held_out_places": round(float(places), 4)}


def _pick(first: Tensor, second: Tensor, which: Tensor) -> Tensor:
    return torch.where(which[:, None, None, None], second, first)


def _normalised(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 255 - 0.5


def _moments(values: Tensor, least: float) -> tuple[Tensor, Tensor]:
    return values.mean(0), values.std(0).clamp(min=least)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folders, by commas")
    parser.add_argument("out", type=Path)
    parser.add_argument("kind", choices=["reference", "robust", "blind"])
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    start = time.monotonic()
    demonstrations = data.load([Path(folder) for folder in options.data.split(",")], device)
    trainer = Trainer(demonstrations, options.kind, options.steps, options.seed, device)
    trainer.run(options.seconds)
    options.out.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "kind": options.kind,
        "seed": options.seed,
        "steps": trainer.curve[-1]["step"],
        "episodes": demonstrations.episodes,
        "looks": len(demonstrations.state),
        "data_sha256": demonstrations.digest,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds": round(time.monotonic() - start, 1),
    }
    torch.save({k: v.half().cpu() for k, v in trainer.average.state_dict().items()}, options.out / f"{options.kind}.pt")
    export(
        trainer.average.float().cpu(),
        Statistics(*(part.cpu() for part in trainer.statistics)),
        demonstrations.vocabulary,
        options.out / f"{options.kind}.onnx",
        facts,
    )
    report = json.dumps({**facts, "curve": trainer.curve}, indent=1)
    (options.out / f"{options.kind}.json").write_text(report)


if __name__ == "__main__":
    main()
