#!/bin/sh
# Machines that die, leave and come, as network namespaces of this one: needs root, and some 3 GB of memory.
#   tests/conformance/cluster.sh [PYTHON with ray and this package]
# Without a Python it makes an environment of its own under build/, removed again.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${1:-}
made=
clean() {
    for i in 0 1 2 3; do
        for pid in $(ip netns pids rp$i 2>/dev/null || true); do kill -9 "$pid" 2>/dev/null || true; done
        ip netns del rp$i 2>/dev/null || true
    done
    [ -z "$made" ] || rm -rf "$made"
}
trap clean EXIT
if [ -z "$python" ]; then
    made=$root/build/cluster
    "$root/.venv/bin/python" -m venv "$made"
    "$made/bin/pip" install --quiet --disable-pip-version-check --editable "$root[ray]"
    python=$made/bin/python
fi
# Four hosts, rp0 to rp3 at 10.78.0.1 to .4; the bridge lives in rp0.
for i in 0 1 2 3; do ip netns add rp$i; ip -n rp$i link set lo up; done
ip -n rp0 link add br0 type bridge
ip -n rp0 link set br0 up
ip -n rp0 addr add 10.78.0.1/24 dev br0
for i in 1 2 3; do
    ip -n rp0 link add v$i type veth peer name eth0 netns rp$i
    ip -n rp0 link set v$i master br0 up
    ip -n rp$i addr add 10.78.0.$((i + 1))/24 dev eth0
    ip -n rp$i link set eth0 up
done
PYTHONPATH="$root:$root/tests/support${PYTHONPATH:+:$PYTHONPATH}" "$python" "$root/tests/conformance/cluster_faults.py" "$@"
