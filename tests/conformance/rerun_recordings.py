"""Read the recordings of episodes in a folder by the real rerun: cameras, actions and readings, on both timelines."""

from __future__ import annotations

import sys
from pathlib import Path

import rerun


def main(folder: Path) -> None:
    found = sorted(folder.glob("*.rrd"))
    assert found, f"no recording in {folder}"
    for path in found:
        recording = rerun.dataframe.load_recording(path)
        assert recording.application_id() == "pytest_robustplus"
        assert recording.recording_id() == path.stem
        schema = recording.schema()
        entities = {column.entity_path for column in schema.component_columns()}
        assert {"/action", "/episode"} <= entities, entities
        assert any(name.startswith("/camera/") for name in entities), entities
        assert {"step", "time"} <= {column.name for column in schema.index_columns()}
        table = recording.view(index="step", contents="/**").select().read_all()
        actions = [name for name in table.column_names if name.startswith("/action:")]
        pictures = [name for name in table.column_names if name.startswith("/camera/") and "Blob" in name]
        steps = table.num_rows - 1
        assert table.num_rows - table[actions[0]].null_count == steps, "an action for every look but the last"
        assert pictures, table.column_names
        assert all(table[name].null_count == 0 for name in pictures), "a picture for every look"
        print(f"rerun read {path.name}: {steps} actions, {len(pictures)} cameras")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
