#!/usr/bin/env bash
# Our openpi transport against a JAX (flax) policy served over openpi's protocol, beside the real openpi-client.
# The environment has about 600 MB. Usage: tests/conformance/openpi_flax.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
environment "${1:-}" jax==0.10.2 flax==0.12.8 "websockets>=15" msgpack
# openpi-client 0.1.2 asks for numpy below 2, which this JAX does not work with; its codec works with either.
"$place/bin/pip" install --quiet --disable-pip-version-check --no-deps openpi-client==0.1.2
serve tests/conformance/openpi_flax_server.py
.venv/bin/python tests/conformance/openpi_flax_client.py "$port"
