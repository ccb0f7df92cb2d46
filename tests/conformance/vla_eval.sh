#!/usr/bin/env bash
# Our vla-eval transport against the real vla-eval 0.8.0 model server, in an environment of its own (about 120 MB).
# Usage: tests/conformance/vla_eval.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
place=${1:-}
if [ -z "$place" ]; then
    place=$(mktemp -d)
    keep=
else
    keep=1
fi
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; [ -n "$keep" ] || rm -rf "$place"' EXIT
[ -x "$place/bin/python" ] || .venv/bin/python -m venv "$place"
"$place/bin/python" -c 'import vla_eval' 2>/dev/null || "$place/bin/pip" install --quiet vla-eval==0.8.0
port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$place/bin/python" tests/conformance/vla_eval_server.py "$port" &
server=$!
.venv/bin/python tests/conformance/vla_eval_client.py "$port"
