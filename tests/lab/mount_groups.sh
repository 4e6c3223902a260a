#!/bin/sh
# Mounts the control groups as this cgroup namespace sees them: mount_groups.sh FOLDER
set -eu

folder=$1
mount_group() { # NAME TYPE [OPTIONS]
    mkdir -p "$folder/$1"
    mount -t "$2" -o "${3:-rw}" "$2" "$folder/$1"
}

# A line of the file is ID:CONTROLLERS:PATH, without controllers for version 2.
hierarchies=$(cut -d: -f2 /proc/self/cgroup)
if [ -z "$hierarchies" ]; then
    mount_group . cgroup2
    exit
fi
mount -t tmpfs -o mode=755 tmpfs "$folder"
printf '%s\n' "$hierarchies" | while read -r controllers; do
    case $controllers in
        '') mount_group unified cgroup2 ;;
        name=*) mount_group "${controllers#name=}" cgroup "none,$controllers" ;;
        *) mount_group "$controllers" cgroup "$controllers" ;;
    esac
done
