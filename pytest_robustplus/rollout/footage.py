"""Episodes that were played again, in forms to look at: captioned films, frames, recordings for the rerun viewer."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Image
from pytest_robustplus.rollout.replay import Footage, write_video

_SIZE = 13
_LINE = 17
_PAPER, _INK, _GOOD, _BAD = (24, 24, 27), (228, 228, 231), (74, 222, 128), (248, 113, 113)


class Take(NamedTuple):
    """An episode played again, and what is to be said of it: the cell, and how it ended."""

    footage: Footage
    cell: str
    outcome: str

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"robustplus-episode-{self.footage.stored.id}"


def write_film(take: Take, folder: Path) -> Path | None:
    """Write a film with captions; None where there are no cameras."""
    frames = list(captioned(take))
    if not frames:
        return None
    path = folder / f"{take.name}.mp4"
    write_video(path, frames, take.footage.hz)
    return path


def write_frames(take: Take, folder: Path) -> Path | None:
    """Write a PNG a step, cameras side by side without captions, into a folder of the episode's own."""
    import imageio.v3

    place = folder / take.name
    for step, seen in enumerate(take.footage.shown):
        if not seen.images:
            return None
        place.mkdir(exist_ok=True)
        for camera, image in seen.images.items():
            imageio.v3.imwrite(place / f"{camera}_{step:05d}.png", image)
    return place


def write_recording(take: Take, folder: Path) -> Path:
    """Write a recording for the rerun viewer: cameras, readings, actions and events, by step and by time."""
    try:
        import rerun
    except ImportError as error:
        raise BadInputError("Recordings for rerun need its library: pip install 'pytest-robustplus[rerun]'") from error
    footage, record = take.footage, take.footage.stored.record
    path = folder / f"{take.name}.rrd"
    stream = rerun.RecordingStream("pytest_robustplus", recording_id=take.name)
    stream.save(path)
    text = "\n".join([f"# {record.instruction}", take.cell, record.task, take.outcome])
    stream.log("episode", rerun.TextDocument(text, media_type="text/markdown"), static=True)
    happened = {} if record.events is None else {event.step: event.what for event in record.events.events}
    for step, seen in enumerate(footage.shown):
        stream.set_time("step", sequence=step)
        stream.set_time("time", duration=step / footage.hz)
        for camera, image in seen.images.items():
            stream.log(f"camera/{camera}", rerun.Image(image).compress(jpeg_quality=90))
        for sensor, values in seen.state.items():
            stream.log(f"state/{sensor}", rerun.Scalars(np.asarray(values, float).ravel()))
        if step < len(footage.actions):
            stream.log("action", rerun.Scalars(np.asarray(footage.actions[step], float)))
        if step in happened:
            stream.log("events", rerun.TextLog(happened[step]))
    stream.flush()
    return path


FORMS: Mapping[str, Callable[[Take, Path], Path | None]] = {
    "mp4": write_film,
    "png": write_frames,
    "rrd": write_recording,
}


def captioned(take: Take) -> Iterator[Image]:
    """Frames with what they show below: instruction, cell, step, outcome at the end, and the cameras' names."""
    footage, record = take.footage, take.footage.stored.record
    steps = len(footage.actions)
    for step, seen in enumerate(footage.shown):
        if not seen.images:
            return
        height = max(image.shape[0] for image in seen.images.values())
        pictures = [_padded(image, height, image.shape[1]) for image in seen.images.values()]
        picture = np.concatenate(pictures, axis=1)
        lines = [
            (record.instruction, _INK),
            (f"{take.cell}, episode {footage.stored.id}", _INK),
            (f"step {step} of {steps}; cameras {', '.join(seen.images)}", _INK),
            (take.outcome, (_GOOD if record.success else _BAD) if step == steps else _INK),
        ]
        yield _with_text(picture, lines)


def _with_text(picture: Image, lines: Sequence[tuple[str, tuple[int, int, int]]]) -> Image:
    """Put lines below a picture; longer ones are broken, and both sides made multiples of what video codecs take."""
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(size=_SIZE)
    width = -(-picture.shape[1] // 16) * 16
    fitting = max(12, int(width / font.getlength("n")))
    broken = [(part, colour) for text, colour in lines for part in textwrap.wrap(text, fitting) or [""]]
    height = -(-(picture.shape[0] + _LINE * (len(broken) + 1)) // 16) * 16
    paper = Pictures.new("RGB", (width, height), _PAPER)
    paper.paste(Pictures.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(paper)
    for place, (text, colour) in enumerate(broken):
        draw.text((6, picture.shape[0] + 6 + _LINE * place), text, fill=colour, font=font)
    return np.asarray(paper)


def _padded(image: Image, height: int, width: int) -> Image:
    """The picture with black below and beside it, up to a size."""
    room: list[Any] = [(0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)]
    return np.pad(image, room)
