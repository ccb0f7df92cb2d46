"""What lerobot-eval and vla-eval wrote, imported: at their tasks, errors apart, twice the same; run by results.sh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pytest_robustplus.ledger import Ledger

SUITE = "libero_object/pick_up_the_alphabet_soup_and_place_it_in_the_basket"
ROBOT, CAMERA = f"{SUITE}_view_0_0_100_0_0_initstate_11", f"{SUITE}_view_0_0_100_2_4_initstate_0"
LEROBOT = {ROBOT, CAMERA, f"{SUITE}_language_2_view_0_0_100_0_0_initstate_0", f"{SUITE}_level1_sample1"}


def imported(run: Path, file: Path, model: str) -> str:
    return call(run, f"--robust-import={file}", f"--robust-model={model}")


def call(run: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--robust-ledger={run / 'ledger.sqlite'}"]
    return subprocess.run([*command, *options], cwd=run, capture_output=True, text=True, check=True).stdout


def tasks(run: Path, model: str) -> set[str]:
    with Ledger.open(run / "ledger.sqlite", create=False) as ledger:
        audits = [audit.id for audit in ledger.audits() if audit.key.model == model]
        return {episode.record.task for audit in set(audits) for episode in ledger.episodes(audit)}


def main(run: Path) -> None:
    told = imported(run, run / "lerobot" / "eval_info.json", "lerobot")
    assert tasks(run, "lerobot") == LEROBOT, told
    (record,), (document,) = (run / "vla_eval").glob("*.sqlite"), (run / "vla_eval").glob("*_aggregate.json")
    told = imported(run, record, "vla_eval")
    assert tasks(run, "vla_eval") == {ROBOT, CAMERA}, told
    assert "vla-eval, 0.8.0" in told
    assert "1 trial ended in errors, which are no outcomes" in told
    again = imported(run, document, "vla_eval")
    assert "0 episodes of vla_eval on LIBERO-Plus added" in again, again
    files = [run / "hub.yaml", run / "vla.leaderboard.json"]
    export = [f"--robust-export={file}" for file in files]
    call(run, *export, "--robust-model=lerobot")
    print(f"lerobot-eval: {len(LEROBOT)} episodes at their tasks; vla-eval: 2, its error apart, record and JSON alike")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
