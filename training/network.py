"""What every policy of the family sees with: two views, proprioception and a bag of words in, one description out.

Per camera a small convolutional net, conditioned on the words by FiLM, ends in spatial-softmax keypoints and a pooled
vector. Heads that turn the description into actions are in ``training.family``.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

WORDS, KEYPOINTS, POOLED, STATE, BODY = 64, 64, 128, 11, 64
OBJECTS = 9


class Statistics(NamedTuple):
    """Mean and scale of the arm's state over the demonstrations."""

    mean: Tensor
    scale: Tensor


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(8, channels)


class Residual(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1)
        self.first_norm = _norm(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1)
        self.second_norm = _norm(out)
        self.skip = nn.Conv2d(channels, out, 1, stride) if channels != out or stride > 1 else nn.Identity()
        self.film = nn.Linear(WORDS, 2 * out)
        nn.init.normal_(self.film.weight, std=0.02)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        scale, shift = self.film(words)[:, :, None, None].chunk(2, 1)
        hidden = functional.silu(self.first_norm(self.first(x)))
        hidden = self.second_norm(self.second(hidden)) * (1 + scale) + shift
        return functional.silu(hidden + self.skip(x))


class Camera(nn.Module):
    """One view, (n, 3, 128, 128) in [-0.5, 0.5], to 2 · 64 + 128 numbers."""

    width = 2 * KEYPOINTS + POOLED
    fast: ClassVar[staticmethod[[Camera, Tensor, Tensor], Tensor] | None] = None
    fast_shape: ClassVar[tuple[int, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(5, 32, 5, 2, 2)
        self.stem_norm = _norm(32)
        self.blocks = nn.ModuleList([Residual(32, 64, 2), Residual(64, 96, 1), Residual(96, 96, 1)])
        self.maps = nn.Conv2d(96, KEYPOINTS, 1)
        self.deep = nn.ModuleList([Residual(96, 128, 2), Residual(128, 128, 2)])
        self.squeeze = nn.Conv2d(128, 32, 1)
        self.pool = nn.Linear(32 * 8 * 8, POOLED)
        fine, coarse = torch.linspace(-1, 1, 128), torch.linspace(-1, 1, 32)
        rows, columns = torch.meshgrid(fine, fine, indexing="ij")
        self.register_buffer("grid", torch.stack([rows, columns])[None], persistent=False)
        self.register_buffer("line", coarse, persistent=False)

    def forward(self, image: Tensor, words: Tensor) -> Tensor:
        """Look; by ``fast``, where it was compiled for pictures of that shape."""
        if self.fast is not None and image.is_cuda and image.shape == self.fast_shape:
            seen: Tensor = self.fast(self, image, words)
            return seen
        return self.encode(image, words)

    def encode(self, image: Tensor, words: Tensor) -> Tensor:
        grid = self.grid.to(image.dtype).expand(image.shape[0], -1, -1, -1)
        x = functional.silu(self.stem_norm(self.stem(torch.cat([image, grid], 1))))
        for block in self.blocks:
            x = block(x, words)
        heat = self.maps(x).float().flatten(2).softmax(-1).unflatten(2, (32, 32))
        points = torch.cat([heat.sum(3) @ self.line, heat.sum(2) @ self.line], 1)
        for block in self.deep:
            x = block(x, words)
        pooled = functional.silu(self.pool(self.squeeze(x).flatten(1)))
        return torch.cat([points, pooled.float()], 1)


def perceptron(width: int, hidden: int, out: int, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.SiLU()]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, out))


SEEN = 2 * Camera.width


class Scene(NamedTuple):
    """One look: both views (n, 512), the words (n, 64) and the arm (n, 64)."""

    view: Tensor
    words: Tensor
    arm: Tensor


class Senses(nn.Module):
    """``blind`` drops both views, in training as in playing, so that nothing but state and words is left."""

    def __init__(self, vocabulary: int, *, blind: bool = False) -> None:
        super().__init__()
        self.blind = blind
        self.embedding = nn.Embedding(vocabulary + 1, WORDS, padding_idx=0)
        self.sentence = nn.Sequential(nn.Linear(WORDS, 128), nn.SiLU(), nn.Linear(128, WORDS))
        self.cameras = nn.ModuleList([Camera(), Camera()])
        self.arm = nn.Sequential(nn.Linear(STATE, BODY), nn.SiLU(), nn.Linear(BODY, BODY))
        self.locate = perceptron(SEEN + WORDS, 256, OBJECTS, 1)

    def words(self, tokens: Tensor) -> Tensor:
        """Mean of the known words' vectors, then two layers; (n, 64)."""
        known = (tokens > 0).float()[..., None]
        mean = (self.embedding(tokens) * known).sum(1) / known.sum(1).clamp(min=1.0)
        words: Tensor = self.sentence(mean * 3.0)
        return words

    def view(self, agentview: Tensor, wrist: Tensor, words: Tensor) -> Tensor:
        """Describe both pictures, (n, 3, 128, 128) in [-0.5, 0.5]; (n, 512)."""
        if self.blind:
            return words.new_zeros(()) * words[:, :1].expand(-1, SEEN)
        return torch.cat([self.cameras[0](agentview, words), self.cameras[1](wrist, words)], 1)

    def sense(self, agentview: Tensor, wrist: Tensor, state: Tensor, tokens: Tensor) -> Scene:
        """Describe normalised views and state."""
        words = self.words(tokens)
        return Scene(self.view(agentview, wrist, words), words, self.arm(state))

    def places(self, scene: Scene) -> Tensor:
        """Where the goal's objects are, normalised, (n, 9): a second task for every member."""
        places: Tensor = self.locate(torch.cat([scene.view, scene.words], 1))
        return places
