"""What is done to training pictures: shifts and colours for every policy, sensor noise for the robust one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shifted(images: Tensor, most: int) -> Tensor:
    """Move each picture by up to ``most`` pixels, repeating its border."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (most,) * 4, "replicate")
    offset = torch.randint(0, 2 * most + 1, (2, count), device=images.device)
    rows = torch.arange(height, device=images.device) + offset[0][:, None]
    columns = torch.arange(width, device=images.device) + offset[1][:, None]
    each = torch.arange(count, device=images.device)[:, None, None]
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def tinted(images: Tensor, contrast: float, brightness: float) -> Tensor:
    factor = 1 + _around(images, 1) * contrast
    return images * factor + _around(images, 3) * brightness


def noisy(images: Tensor) -> Tensor:
    """Blur, streak or fog about half of the pictures, as cameras do; values in [-0.5, 0.5]."""
    count = len(images)
    kind = torch.randint(0, 8, (count, 1, 1, 1), device=images.device)
    out = torch.where(kind == 0, _blurred(images), images)
    out = torch.where(kind == 1, _streaked(images), out)
    out = torch.where(kind == 2, _fogged(images), out)
    return torch.where(kind == 3, _scrambled(images), out)


def _around(images: Tensor, channels: int) -> Tensor:
    return torch.rand(len(images), channels, 1, 1, device=images.device) * 2 - 1


def _blurred(images: Tensor) -> Tensor:
    """Bell-shaped blur with a radius drawn for the whole batch, mixed with the sharp picture per picture."""
    sigma = float(torch.rand(()) * 3 + 0.3)
    reach = torch.arange(-6, 7, device=images.device, dtype=images.dtype)
    bell = torch.exp(-((reach / sigma) ** 2) / 2)
    bell = (bell / bell.sum()).expand(3, 1, -1)
    wide = functional.conv2d(functional.pad(images, (6, 6, 0, 0), "replicate"), bell[:, :, None], groups=3)
    return functional.conv2d(functional.pad(wide, (0, 0, 6, 6), "replicate"), bell[..., None], groups=3)


def _streaked(images: Tensor) -> Tensor:
    """Mean over a short path, as by motion, or over scales, as by zoom."""
    steps = 6
    if torch.rand(()) < 0.5:
        angle, length = float(torch.rand(()) * 6.28), float(torch.rand(()) * 10 + 2)
        moves = [(length * (step / (steps - 1) - 0.5)) for step in range(steps)]
        direction = torch.tensor([angle]).cos().item(), torch.tensor([angle]).sin().item()
        rolled = [images.roll((round(m * direction[0]), round(m * direction[1])), (2, 3)) for m in moves]
        return torch.stack(rolled).mean(0)
    most = float(torch.rand(()) * 0.3)
    size = images.shape[-1]
    out = images.clone()
    for step in range(1, steps):
        scale = 1 / (1 + most * step / (steps - 1))
        theta = torch.tensor([[scale, 0, 0], [0, scale, 0]], device=images.device, dtype=images.dtype)
        grid = functional.affine_grid(theta.expand(len(images), -1, -1), [len(images), 3, size, size], False)
        out = out + functional.grid_sample(images, grid, align_corners=False, padding_mode="border")
    return out / steps


def _fogged(images: Tensor) -> Tensor:
    """Clouds of several scales, added and scaled back."""
    count, size = len(images), images.shape[-1]
    clouds = torch.zeros(count, 1, size, size, device=images.device)
    for cells, weight in ((2, 1.0), (4, 0.6), (8, 0.4), (16, 0.25), (32, 0.15)):
        coarse = torch.rand(count, 1, cells, cells, device=images.device)
        clouds += weight * functional.interpolate(coarse, (size, size), mode="bilinear")
    clouds = clouds / 2.4
    thickness = torch.rand(count, 1, 1, 1, device=images.device) * 2.5
    return (images + 0.5 + thickness * clouds) / (1 + thickness) - 0.5


def _scrambled(images: Tensor) -> Tensor:
    """Pixels swapped with near ones, as through frosted glass."""
    count, size = len(images), images.shape[-1]
    reach = float(torch.rand(()) * 3 + 0.5) * 2 / size
    theta = torch.eye(2, 3, device=images.device).expand(count, -1, -1)
    grid = functional.affine_grid(theta, [count, 3, size, size], False)
    grid = grid + (torch.rand_like(grid) * 2 - 1) * reach
    return functional.grid_sample(images, grid.to(images.dtype), align_corners=False, padding_mode="border")
