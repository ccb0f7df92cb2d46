# Shared by the scripts that hold us against a real peer in an environment of its own; sourced with bash.
#   environment FOLDER PACKAGE…   makes FOLDER, or a temporary one that is removed, and installs into it
#   lerobot_0_6 FOLDER PACKAGE…   the same with Python 3.12 and lerobot 0.6.1, about 5 GB; nothing of .venv is found in it
#   serve SCRIPT                  starts SCRIPT PORT in that environment, sets $port, and ends it on exit
server=
temporary=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$temporary" ] || rm -rf "$temporary"
}
trap finish EXIT

folder() {
    place=$1
    if [ -z "$place" ]; then
        place=$(mktemp -d)
        temporary=$place
    fi
}

environment() {
    folder "$1"
    shift
    [ -x "$place/bin/pip" ] || .venv/bin/python -m venv "$place"
    [ $# = 0 ] && return
    echo "Installing into $place, which takes minutes: $*"
    "$place/bin/pip" install --quiet --disable-pip-version-check "$@"
}

lerobot_0_6() {
    folder "$1"
    shift
    [ -x "$place/bin/python" ] || python3.12 -m venv "$place"
    tests/conformance/lerobot_environment.sh "$place"
    # .venv's packages are compiled for another Python. Hidden before pip looks, or it counts them as installed.
    rm -f "$("$place/bin/python" -c 'import site; print(site.getsitepackages()[0])')/robustplus.pth"
    "$place/bin/pip" install --quiet --disable-pip-version-check "datasets>=4,<5" "pandas<3" "pyarrow<23" "av>=15,<16" \
        jsonlines deepdiff "numpy==1.26.4" "$@"
}

serve() {
    port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$place/bin/python" "$1" "$port" &
    server=$!
}
