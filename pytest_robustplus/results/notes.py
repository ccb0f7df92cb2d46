"""What a person should know beside figures, as data: ``reporting.notes`` alone puts it into words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pytest_robustplus.results.carried import restored

Kind = Literal[
    "ablation_unplayed",
    "above",
    "accepted_tasks",
    "already_answered",
    "beside_accepted",
    "beside_first_half",
    "beside_partner",
    "cannot_fail",
    "claim_better",
    "claim_binomial",
    "claim_hardest",
    "claim_leaders",
    "claim_lowest",
    "claim_means",
    "claim_no_figure",
    "claim_no_latency",
    "claim_other_device",
    "claim_ratio",
    "claim_sample",
    "claim_slower",
    "cluster",
    "compared",
    "could_not_help",
    "disputed",
    "first_observations",
    "fleet",
    "helpers_died",
    "machine_unfit",
    "machines_differ",
    "no_accepted_latency",
    "no_playable_task",
    "no_reason",
    "no_simulator",
    "nothing_accepted",
    "nothing_in_file",
    "nothing_published",
    "other_checkpoints",
    "other_chunks",
    "other_device",
    "other_prompts",
    "other_rules",
    "other_suites",
    "other_version",
    "part_of_list",
    "pictures_incomplete",
    "playable_tasks",
    "policy_slow",
    "printed_elsewhere",
    "printed_latency",
    "prompts_differ",
    "recorded_early",
    "repeat_short",
    "repeat_unplayed",
    "robot_waits",
    "scenes_hide",
    "scenes_without_room",
    "server_memory",
    "several_renderers",
    "share",
    "still_running",
    "subgoals_unknown",
    "success_returns",
    "unfinished",
    "versions_differ",
    "video_differs",
    "worker_died",
]


@dataclass(frozen=True, slots=True)
class Note:
    """A fact of one kind with its values, which are of JSON's own types: rates as fractions, e-values as logarithms."""

    kind: Kind
    values: Mapping[str, Any]

    @classmethod
    def of(cls, kind: Kind, **values: Any) -> Note:
        """Take the values by the names that the kind's function of ``reporting.notes`` gives them."""
        return cls(kind, values)


# A text is what an earlier release had written, or the message of an error.
Notes = tuple[Note | str, ...]


def packed(notes: Notes) -> str:
    """As one text: texts alone are joined, others become a JSON list; ``unpacked`` reads either."""
    told = [note if isinstance(note, str) else asdict(note) for note in notes]
    texts = [note for note in told if isinstance(note, str)]
    return "; ".join(texts) if len(texts) == len(told) else json.dumps(told, ensure_ascii=False)


def unpacked(text: str) -> Notes:
    """Read what ``packed`` made, or the sentences of an earlier release."""
    try:
        found = json.loads(text) if text.startswith("[") else None
    except ValueError:
        found = None
    if isinstance(found, list) and all(isinstance(note, str) or _is_note(note) for note in found):
        return tuple(note if isinstance(note, str) else restored(Note, note) for note in found)
    return (text,) if text else ()


def _is_note(value: Any) -> bool:
    return isinstance(value, dict) and {"kind", "values"} <= value.keys()
