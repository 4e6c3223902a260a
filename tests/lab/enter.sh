#!/bin/sh
# Runs a command as on a machine of the lab: enter.sh HOSTNAME ETC COMMAND...
#
# Called inside a mount and a UTS namespace of its own, in the machine's network namespace. The
# machine gets its own host name, its own files in /etc (ETC lies over the real one) and an empty
# /run: otherwise name look-ups could pass through a daemon of the real machine (nscd, resolved)
# and leave it, and its Docker socket would be in reach.
set -eu

hostname "$1"
etc=$2
shift 2
mount -t overlay -o "ro,lowerdir=$etc:/etc" lab-etc /etc
mount -t tmpfs -o mode=755,nosuid,nodev lab-run /run
exec "$@"
