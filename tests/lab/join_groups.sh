#!/bin/sh
# Joins control groups, then becomes COMMAND: join_groups.sh GROUPS COMMAND...
#
# GROUPS has a line per control group. What a process starts is in its groups, and the groups that it
# is in become the roots of a cgroup namespace that it makes.
set -eu

printf '%s\n' "$1" | while read -r group; do
    echo "$$" >"$group/cgroup.procs"
done
shift
exec "$@"
