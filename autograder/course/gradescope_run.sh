#!/usr/bin/env bash
# Gradescope runs this, as root, for each submission; it leaves results/results.json.
root=${AUTOGRADER_ROOT:-/autograder}
umask 077
mkdir -p "$root/results"
chmod -R go= "$root"/{source,submission,results,submission_metadata.json}
cd "$root/source" || exit 1
exec "${AUTOGRADER_PYTHON:-$root/venv/bin/python}" -m autograder.course.gradescope LAB "$root"
