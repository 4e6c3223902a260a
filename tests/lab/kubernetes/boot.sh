#!/bin/sh
# Boots a Kubernetes node: boot.sh FOLDER HOSTNAME MOUNT_GROUPS
#
# Runs as process 1 of new mount, pid, UTS, IPC and cgroup namespaces, inside the node's network
# namespace. The node sees the real machine's programs and can change none of its files or settings:
# all it writes is in FOLDER, in memory, or in the settings of its own network. What is mounted here
# is gone with the mount namespace, that is, with the node.
set -eu

folder=$1
hostname "$2"

mount -t proc proc /proc
mount -t sysfs sysfs /sys # shows this network namespace
"$3" /sys/fs/cgroup
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
    # cgroup v2: a group with processes in it cannot hand controllers to the pods' groups.
    mkdir /sys/fs/cgroup/init
    echo 1 >/sys/fs/cgroup/init/cgroup.procs
fi
mount -t bpf bpf /sys/fs/bpf

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/folder /run/lock /run/tmp /run/lib/upper /run/lib/work
mount --bind "$folder" /run/folder
mount -t tmpfs -o mode=755 tmpfs /var/log
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib/upper,workdir=/run/lib/work lib /var/lib
mount --move /run/folder "$folder" # it may lie below what was covered

if [ "$(findmnt --noheadings --output FSTYPE --target "$folder")" = overlay ]; then
    # The images' own overlays need a file system below that is none itself.
    mount -t tmpfs tmpfs "$folder/containerd"
fi

echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
# Settings of the kernel that kubelet and Cilium write are the machine's: plain files take their place.
mkdir /run/settings
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
for setting in kernel/keys/root_maxbytes kernel/keys/root_maxkeys kernel/panic kernel/panic_on_oops \
    kernel/timer_migration kernel/unprivileged_bpf_disabled vm/overcommit_memory; do
    [ -e "/proc/sys/$setting" ] || continue
    file=/run/settings/$(echo "$setting" | tr / .)
    cat "/proc/sys/$setting" >"$file"
    mount --bind "$file" "/proc/sys/$setting"
done
mount -o remount,bind,ro /proc/sys
mount -o remount,bind,ro /
mount --make-rshared / # kubelet and the CNI share mounts with the pods

touch /run/booted
trap exit TERM
while :; do # collects the processes that lost their parent
    sleep 3600 &
    wait
done
