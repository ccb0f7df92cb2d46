"""Trains members of the family side by side, each to an ONNX file: ``python -m training.train DATA OUT vla joint-1``.

A member is KIND[_robust][-SEED]; ``vla_blind`` is the one without pictures. Members differ in nothing but their kind
and seed: demonstrations, batches of a seed, steps, rates and augmentation are the same, and what a member draws does
not depend on who is trained beside it.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training import data, pictures
from training.export import Saved, export
from training.family import PATCHES, PIECE, PIECES, PIXELS, Batch, Losses, Name, fixed_noise
from training.network import Camera, Statistics
from training.recipe import STEPS

BATCH, RATE = 128, 5e-4
_WARM_UP, _DECAY = 300, 0.999
_DROPPED_WORDS, _STATE_NOISE = 0.1, 0.05
# How often what is denoised is noise alone, as it is where playing begins.
_ALL_NOISE = 0.25
_SLOW_STEPS = 3


class Trainer:
    """Behaviour cloning with an L1 loss, where the goal's objects are as a second task, and what the kind foretells."""

    def __init__(self, demonstrations: data.Data, name: str, steps: int, device: str) -> None:
        self.name, who = name, Name.of(name)
        self.seed, self.robust = who.seed, who.variant == "robust"
        torch.manual_seed(self.seed)
        self.data, self.steps, self.device = demonstrations, steps, device
        training = demonstrations.training
        self.statistics = Statistics(*_moments(demonstrations.state[training], 1e-3))
        self.places = Statistics(*_moments(demonstrations.objects[training], 1e-2))
        self.network = who.network(len(demonstrations.vocabulary)).to(device)
        self.network = self.network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        cuda = device == "cuda"
        self.rate, self.keep = torch.zeros((), device=device), torch.zeros((), device=device)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=torch.tensor(RATE, device=device) if cuda else RATE,
            weight_decay=1e-3,
            betas=(0.9, 0.98),
            fused=cuda,
            capturable=cuda,
        )
        self.stream = torch.cuda.Stream() if cuda else None
        self.step, self.seconds = 0, 0.0
        self.curve: list[dict[str, Any]] = []
        self._sums: dict[str, Tensor] = {}
        self._given: Batch | None = None
        self._graph: Any = None

    def advance(self) -> None:
        """Take the next step; the first few without a recorded graph, which they make possible."""
        self.step += 1
        progress = self.step / self.steps
        self.rate.fill_(RATE * min(1.0, self.step / _WARM_UP) * (0.5 * (1 + math.cos(math.pi * progress)) + 0.01))
        self.keep.fill_(1 - min(_DECAY, (1 + self.step) / (10 + self.step)))
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(self.rate)
            else:
                group["lr"] = float(self.rate)
        torch.manual_seed(self.seed * 1_000_003 + self.step)
        batch = self.draw()
        if self._graph is None:
            self._learn(batch)
            return
        assert self._given is not None
        torch._foreach_copy_(list(self._given), list(batch))
        self._graph.replay()

    def record(self) -> None:
        """Record one step as a CUDA graph, after ``advance`` has been called a few times on the member's stream."""
        torch.manual_seed(0)
        self._given = Batch(*(part.clone() for part in self.draw()))
        self.optimiser.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            self._learn(self._given)
        self._graph = graph

    def _learn(self, batch: Batch) -> None:
        losses = self.losses(batch)
        if self._graph is None:
            self.optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            slow, quick = list(self.average.parameters()), list(self.network.parameters())
            moved = torch._foreach_sub(quick, slow)
            torch._foreach_mul_(moved, self.keep)
            torch._foreach_add_(slow, moved)
            for key, loss in losses.items():
                self._sums.setdefault(key, torch.zeros((), device=self.device)).add_(loss.detach())

    def losses(self, batch: Batch) -> Losses:
        """The member's losses on one batch."""
        with self._precision():
            losses: Losses = self.network.losses(batch, self.average)
            return losses

    def _precision(self) -> Any:
        return torch.autocast("cuda", torch.bfloat16) if self.device == "cuda" else nullcontext()

    def draw(self) -> Batch:
        """Draw the step's examples: augmented views, noisy state, words of which some are dropped."""
        d = self.data
        rows = d.training[torch.randint(len(d.training), (BATCH,), device=self.device)]
        wording = torch.randint(d.sentences.shape[1], (BATCH,), device=self.device)
        tokens = d.sentences[d.task[rows], wording]
        tokens = tokens * (torch.rand(tokens.shape, device=self.device) > _DROPPED_WORDS)
        state = (d.state[rows] - self.statistics.mean) / self.statistics.scale
        level = torch.rand(BATCH, 1, 1, device=self.device).clamp(min=0.02)
        level = torch.where(torch.rand_like(level) < _ALL_NOISE, 1.0, level)
        noise = torch.randn(BATCH, PATCHES, PIXELS, device=self.device)
        action_noise = torch.randn(BATCH, PIECES, PIECE, device=self.device)
        # Pictures come last: how many numbers they draw depends on the augmentation.
        views = self._pictures(rows, learning=True)
        return self._batch(rows, views, state + torch.randn_like(state) * _STATE_NOISE, tokens)._replace(
            level=level, frame_noise=noise, action_noise=action_noise
        )

    def _batch(self, rows: Tensor, views: Sequence[Tensor], state: Tensor, tokens: Tensor) -> Batch:
        d, none = self.data, torch.zeros(0, device=self.device)
        ahead = normalised(d.images[d.ahead[rows], :2].flatten(0, 1)) if self.network.foresees else none
        return Batch(
            agentview=views[0],
            wrist=views[1],
            state=state,
            tokens=tokens,
            actions=d.actions[rows],
            places=(d.objects[rows] - self.places.mean) / self.places.scale,
            ahead=ahead.unflatten(0, (len(rows), 2)) if self.network.foresees else none,
            level=none,
            frame_noise=none,
            action_noise=none,
        )

    def _pictures(self, rows: Tensor, *, learning: bool) -> Sequence[Tensor]:
        if self.network.blind:
            return [torch.zeros(len(rows), 0, device=self.device)] * 2
        chosen = self.data.images[rows]
        agentview, wrist = chosen[:, 0], chosen[:, 1]
        if learning and self.robust:
            agentview = _pick(agentview, chosen[:, 2], torch.rand(len(rows), device=self.device) < 0.75)
            wrist = _pick(wrist, chosen[:, 3], torch.rand(len(rows), device=self.device) < 0.5)
        views = [normalised(agentview), normalised(wrist)]
        if learning:
            views = [pictures.shifted(views[0], 4), pictures.shifted(views[1], 6)]
            views = [pictures.tinted(view, 0.2, 0.1) for view in views]
            if self.robust:
                views[0] = pictures.noisy(views[0])
        return [view.contiguous(memory_format=torch.channels_last) for view in views]

    @torch.no_grad()
    def measure(self) -> dict[str, Any]:
        """Add a point to the curve: mean losses since the last, and what the average answers to held-out looks."""
        d, wrong, places = self.data, [], []
        noise = type(fixed_noise())(*(part.to(self.device) for part in fixed_noise()))
        for first in range(0, min(len(d.held_out), 8 * BATCH) - BATCH + 1, BATCH):
            rows = d.held_out[first : first + BATCH]
            state = (d.state[rows] - self.statistics.mean) / self.statistics.scale
            tokens = d.sentences[d.task[rows], 0]
            views = self._pictures(rows, learning=False)
            with self._precision():
                answer = self.average.act(*views, state, tokens, noise, STEPS)
                scene = self.average.sense(*views, state, tokens)
                found = self.average.places(scene)
            wrong.append((answer.float().clamp(-1, 1) - d.actions[rows]).abs().mean())
            places.append((found.float() - (d.objects[rows] - self.places.mean) / self.places.scale).abs().mean())
        since = self.step - (self.curve[-1]["step"] if self.curve else 0)
        point = {"step": self.step, **{key: round(float(total) / since, 4) for key, total in self._sums.items()}}
        for total in self._sums.values():
            total.zero_()
        if wrong:
            point |= {"held_out": round(float(sum(wrong)) / len(wrong), 4)}
            point |= {"held_out_places": round(float(sum(places)) / len(places), 4)}
        self.curve.append(point)
        return point

    def save(self, out: Path) -> None:
        """Write the averaged network as ``NAME.pt``, with all that ``training.export`` needs to make it playable."""
        d = self.data
        facts: dict[str, Any] = {
            "member": self.name,
            "seed": self.seed,
            "steps": self.step,
            "batch": BATCH,
            "episodes": d.episodes,
            "looks": len(d.state),
            "data_sha256": d.digest,
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "cpu",
        }
        network = {key: value.half().cpu() for key, value in self.average.state_dict().items()}
        statistics = Statistics(*(part.cpu() for part in self.statistics))
        facts = {**facts, "curve": self.curve}
        partial = out / f"{self.name}.partial"
        torch.save(Saved(network, statistics, d.vocabulary, facts)._asdict(), partial)
        partial.rename(out / f"{self.name}.pt")


def prepare(trainers: Sequence[Trainer]) -> None:
    """Take the first steps of each on its stream, then record them as graphs; where that fails, go on without."""
    for trainer in trainers:
        if trainer.stream is None:
            continue
        trainer.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(trainer.stream):
            for _ in range(_SLOW_STEPS):
                trainer.advance()
        torch.cuda.current_stream().wait_stream(trainer.stream)
        try:
            trainer.record()
        except RuntimeError as error:
            print(f"{trainer.name}: no graph, {error}", flush=True)


def step(trainers: Sequence[Trainer]) -> None:
    """Let each take one step, each on its own stream."""
    for trainer in trainers:
        with torch.cuda.stream(trainer.stream) if trainer.stream else nullcontext():
            trainer.advance()


def together(trainers: Sequence[Trainer], steps: int, every: int = 500) -> None:
    """Let each take steps until it has taken ``steps``, in turn, each on its own stream."""
    while trainers[0].step < steps:
        step(trainers)
        if trainers[0].step % every == 0 or trainers[0].step == steps:
            for trainer in trainers:
                with torch.cuda.stream(trainer.stream) if trainer.stream else nullcontext():
                    print(trainer.name, json.dumps(trainer.measure()), flush=True)


def quicken() -> None:
    """Compile how pictures are looked at, for training's batches."""
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    Camera.fast = staticmethod(torch.compile(Camera.encode, dynamic=False))
    Camera.fast_shape = (BATCH, 3, 128, 128)


def normalised(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 255 - 0.5


def _pick(first: Tensor, second: Tensor, which: Tensor) -> Tensor:
    return torch.where(which[:, None, None, None], second, first)


def _moments(values: Tensor, least: float) -> tuple[Tensor, Tensor]:
    return values.mean(0), values.std(0).clamp(min=least)


def main() -> None:
    global BATCH, RATE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folders, by commas")
    parser.add_argument("out", type=Path)
    parser.add_argument("members", nargs="+", metavar="MEMBER")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--beside", type=int, default=3, help="members trained side by side")
    options = parser.parse_args()
    BATCH, RATE = options.batch, options.rate
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        quicken()
    demonstrations = data.load([Path(folder) for folder in options.data.split(",")], device)
    options.out.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(options.members), options.beside):
        start = time.monotonic()
        names = options.members[first : first + options.beside]
        trainers = [Trainer(demonstrations, name, options.steps, device) for name in names]
        prepare(trainers)
        together(trainers, options.steps)
        for trainer in trainers:
            trainer.save(options.out)
            export(options.out, trainer.name)
        print(f"{', '.join(names)}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
