#!/bin/sh
# Boots the NAS: boot.sh DISK HOSTNAME MOUNT_GROUPS
#
# Runs as process 1 of new mount, pid, UTS, IPC and cgroup namespaces, inside the NAS's network
# namespace; makes its file system and becomes its init. OVERLAYS in the environment holds a line
# `WHERE OPTIONS` per overlay to mount, the root first; with FORWARDING=yes the kernel forwards packets
# from the start. Everything mounted here is gone with the mount namespace, that is, with the NAS.
set -eu

disk=$1
root=$disk/root
hostname "$2"

printf '%s\n' "$OVERLAYS" | while read -r where options; do
    mount -t overlay -o "$options" nas "$root$where"
done
cd "$root"

mount -t proc proc proc
# Settings of the kernel are the machine's: the NAS may change those of its own network only.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
# As the host's sysctl.conf may have it.
if [ -n "${FORWARDING:-}" ]; then
    echo 1 >proc/sys/net/ipv4/ip_forward
    echo 1 >proc/sys/net/ipv6/conf/all/forwarding
fi
mount -t sysfs sysfs sys # shows this network namespace
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
# Docker's own overlays need a file system below that is none itself.
mount --bind "$disk/docker" var/lib/docker
mount --bind "$disk/containerd" var/lib/containerd

device() {
    mknod -m 666 "dev/$1" c "$2" "$3"
}
device null 1 3
device zero 1 5
device full 1 7
device random 1 8
device urandom 1 9
device tty 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

"$3" sys/fs/cgroup

pivot_root . .
umount -l .
exec env -i container=newt-tunnel-lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
    chroot . /sbin/init
