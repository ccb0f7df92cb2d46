#!/usr/bin/env bash
# Our vla-eval transport against the real vla-eval 0.8.0 model server, in an environment of its own (about 120 MB).
# Usage: tests/conformance/vla_eval.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
environment "${1:-}" vla-eval==0.8.0
serve tests/conformance/vla_eval_server.py
.venv/bin/python tests/conformance/vla_eval_client.py "$port"
