#!/bin/sh
# Build the wheel and the sdist, install the wheel into a bare environment, and use it from a folder without a checkout.
# test_wheel.sh [EXTRAS]: with `libero` the suite that comes with the package plays two episodes in its simulator,
# with `libero,onnx` the folder that --robust-init writes is played, too.
set -eu
unset PYTHONPATH  # a source tree on it would stand for the wheel
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
rm -rf dist
"$python" -m venv "$work/build"
"$work/build/bin/pip" install --quiet --disable-pip-version-check build
# The wheel is built from the sdist, so both are tried.
"$work/build/bin/python" -m build --outdir dist . >"$work/log" 2>&1 || { tail -30 "$work/log"; exit 1; }
"$python" -m venv "$work/bare"
wheel=$(ls "$root"/dist/*.whl)
"$work/bare/bin/pip" install --quiet --disable-pip-version-check "$wheel${1:+[$1]}"
mkdir "$work/elsewhere"
cd "$work/elsewhere"
pytest="$work/bare/bin/pytest"

say() { echo "== $*"; }
say "models with a card, baselines of the package"
"$pytest" --robust-models | grep -q pi05
say "suites of the package, from a folder that holds nothing"
for suite in libero_plus bimanual maniskill robotwin_plus test_fuzz test_frontier test_latency; do
    "$pytest" --pyargs "pytest_robustplus.suites.$suite" --collect-only -q --robust-model=zero >out || { cat out; exit 1; }
    grep -q '\[zero-' out || { cat out; exit 1; }
done
say "without a simulator: one paragraph that says what to install"
if [ -z "${1:-}" ]; then
    "$pytest" --pyargs pytest_robustplus.suites.libero_plus --robust-model=zero --robust-budget=2 \
        --robust-html=page.html --robust-json=run.json >out && exit 1
    test -s page.html -a -s run.json || { cat out; exit 1; }
    grep -q "pip install 'pytest-robustplus\[libero\]'" out || { cat out; exit 1; }
else
    "$pytest" --pyargs pytest_robustplus.suites.libero_plus --robust-model=expert --robust-perturbation=robot \
        --robust-budget=2 --robust-baseline=none -p no:cacheprovider >out || { cat out; exit 1; }
    cat out
fi
case ",${1:-}," in *,onnx,*)
    say "the folder that --robust-init writes passes at once"
    mkdir starter
    (cd starter && "$pytest" --robust-init && "$pytest") >out || { cat out; exit 1; }
    cat out
esac
say "the wheel works"
