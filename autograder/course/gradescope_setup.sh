#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image in which submissions are graded.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}

apt-get update
apt-get install -y bubblewrap python3-venv
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    apt-get install -y python3.11 python3.11-venv
    python=python3.11
fi
"$python" -m venv "$root/venv"
"$root/venv/bin/pip" install --no-cache-dir -r "$root/source/requirements.txt"
chmod -R go= "$root/source"
