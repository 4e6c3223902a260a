#!/bin/sh
# Gives the NAS its namespaces: power_on.sh NETNS GROUPS COMMAND...
#
# GROUPS, a line per control group, are joined first: they become the roots of the new cgroup
# namespace. Stays as the parent of the NAS's process 1, which does not outlive it.
set -eu

netns=$1
groups=$2
shift 2
printf '%s\n' "$groups" | while read -r group; do
    echo "$$" >"$group/cgroup.procs"
done
exec nsenter --net="$netns" -- \
    unshare --mount --pid --uts --ipc --cgroup --fork --kill-child -- "$@"
