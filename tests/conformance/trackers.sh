#!/bin/sh
# A run told to the real Weights & Biases, MLflow, TensorBoard and trackio, offline or into files; about 400 MB, needs the network.
# Usage: tests/conformance/trackers.sh [folder for the environment; kept if given]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
place=${1:-$work/venv}
if [ ! -x "$place/bin/python" ]; then
    "$root/.venv/bin/python" -m venv "$place"
    "$root/.venv/bin/python" -c 'import site; print(site.getsitepackages()[0])' \
        >"$("$place/bin/python" -c 'import site; print(site.getsitepackages()[0])')/robustplus.pth"
    "$place/bin/pip" install --quiet --disable-pip-version-check "numpy<2" wandb mlflow-skinny tensorboard trackio
fi
PYTHONPATH="$root:$root/tests/support" "$place/bin/python" "$root/tests/conformance/trackers.py" "$work/runs"
