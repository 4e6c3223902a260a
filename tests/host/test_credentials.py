"""newt's credentials on the host: whatever a hostile newt left in its own volume, root writes
nowhere else, waits for nothing, and newt's file is whole.
"""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest

from tests.host.rig import CONTAINER, CREDENTIALS, STATE, Host, declare

pytestmark = pytest.mark.lab

CONFIGURATION = "/etc/docker/daemon.json"
JELLYFIN = "jellyfin"
VOLUME = "newt-config"
STORE = f"newt-egress credentials volume {VOLUME}"
MOUNTED = "/var/lib/newt"
FOLDER = f"/var/lib/docker/volumes/{VOLUME}/_data"
KEY = '{"endpoint":"https://pangolin.example.com","provisioningKey":"do-not-tell"}'
OTHER_KEY = KEY.replace("tell", "tattle")
VICTIMS = "/etc/victims"
#: More than the command ever takes.
PATIENCE = 30
AS_NEWT = "setpriv --reuid 65534 --regid 65534 --clear-groups"

#: What newt leaves under a name, `$1`, in its own folder.
LEFT = {
    "a link to a file": f"ln -s {VICTIMS}/file $1",
    "a link to nothing": f"ln -s {VICTIMS}/made $1",
    "a link to a folder": f"ln -s {VICTIMS} $1",
    "a link to itself": "ln -s $1 $1",
    "a pipe": "mkfifo $1",
    "a hard link": "echo mine >mine; ln mine $1",
    "a huge file": "truncate -s 1T $1",
    "a file that nobody may touch": "echo {} >$1; chmod 000 $1",
}
NAMES = ("config.json", ".new")


@pytest.fixture
def newts(host: Host) -> Iterator[Host]:
    """A guarded host, newt's volume as newt's own, and things outside it that must not change."""
    host.apply(declare())
    host.create_network()
    host.sh(
        f"docker volume create {VOLUME} && mkdir -p {VICTIMS} && echo untouched >{VICTIMS}/file && "
        f"chmod 755 {VICTIMS} && chmod 600 {VICTIMS}/file"
    )
    host.sh(STORE, stdin=KEY)
    host.start_newt("--user", "65534:65534", "--volume", f"{VOLUME}:{MOUNTED}")
    yield host
    host.sh(f"docker rm --force {CONTAINER} && docker volume rm {VOLUME} && rm -rf {VICTIMS}")


def as_newt(host: Host, script: str) -> None:
    """What newt does in its volume: the same rights, with more programs than its image has."""
    pid = host.sh(f"docker container inspect -f '{{{{.State.Pid}}}}' {CONTAINER}").strip()
    inside = f"cd /proc/{pid}/root{MOUNTED} && exec {AS_NEWT} sh -eu"
    host.sh(inside, stdin=script)


def store(host: Host, key: str, *, check: bool = True) -> str:
    return host.sh(f"timeout {PATIENCE} {STORE}", stdin=key, check=check)


def outside(host: Host) -> str:
    return host.sh(
        f"find {VICTIMS} {STATE} -printf '%p %y %U %G %m %s\\n' | grep -v credentials.seed | sort; "
        f"cat {VICTIMS}/file"
    )


def whole(host: Host) -> str:
    """The file in the volume, which must be newt's own and plain."""
    told = host.sh(f"stat -c '%F %U %G %a' {FOLDER} {FOLDER}/config.json").splitlines()
    assert told == ["directory nobody nogroup 700", "regular file nobody nogroup 600"], told
    return host.sh(f"{AS_NEWT} cat /proc/self/fd/3 3<{FOLDER}/config.json")


@pytest.mark.parametrize("shell", ["dash", "busybox"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("left", LEFT)
def test_whatever_newt_left_in_its_volume_root_writes_newts_file_and_nothing_else(
    newts: Host, left: str, name: str, shell: str
) -> None:
    as_newt(newts, f"set -- {name}; rm -f $1; {LEFT[left]}")
    before = outside(newts)

    if shell == "busybox":
        with newts.busybox_shell():
            store(newts, OTHER_KEY)
    else:
        store(newts, OTHER_KEY)

    assert outside(newts) == before
    assert whole(newts) == OTHER_KEY


def test_a_socket_in_its_place_is_replaced(newts: Host) -> None:
    bind = "import socket; socket.socket(socket.AF_UNIX).bind('config.json')"
    as_newt(newts, f'rm -f config.json; python3 -I -S -c "{bind}"')

    store(newts, OTHER_KEY)

    assert whole(newts) == OTHER_KEY


def test_a_link_in_place_of_the_same_credentials_is_replaced_by_them(newts: Host) -> None:
    as_newt(newts, f"ln -sf {VICTIMS}/file config.json")

    store(newts, KEY)

    assert whole(newts) == KEY


def test_a_directory_in_its_place_is_an_error_that_says_where(newts: Host) -> None:
    as_newt(newts, f"rm -f config.json; mkdir config.json; ln -s {VICTIMS}/file config.json/a")
    before = outside(newts)

    said = store(newts, OTHER_KEY, check=False)

    assert f"{FOLDER}/config.json is a directory" in said
    assert "do-not" not in said
    assert outside(newts) == before
    assert newts.sh(f"stat -c '%U %a' {FOLDER}") == "nobody 700\n", "newt has its folder back"


def test_an_access_list_of_newts_does_not_let_it_in_meanwhile(newts: Host) -> None:
    """The folder is closed by its mode, which is the mask of such a list."""
    entries = ((1, 7, -1), (2, 7, 65534), (4, 7, -1), (16, 7, -1), (32, 0, -1))
    access = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    setting = f"import os; os.setxattr('.', 'system.posix_acl_access', {access!r})"
    as_newt(newts, f'python3 -I -S -c "{setting}"')
    intruding = f"""
cd "${{1%/*}}"
! {AS_NEWT} ln -s {VICTIMS} in >/dev/null 2>&1 || touch {VICTIMS}/got-in
exec $real "$@"
"""

    with newts.stub("mktemp", intruding):
        store(newts, OTHER_KEY)

    assert newts.sh(f"ls {VICTIMS}") == "file\n"
    assert whole(newts) == OTHER_KEY


def test_a_newt_that_swaps_names_all_the_time_gets_nothing_written_elsewhere(newts: Host) -> None:
    program = f"""
import os, select, time
end = time.monotonic() + 60
while time.monotonic() < end and not select.select([0], [], [], 0)[0]:
    for name in ("config.json", ".new", ".config.x"):
        for make in (
            lambda: os.symlink("{VICTIMS}/file", "x"),
            lambda: os.symlink("{VICTIMS}", "x"),
            lambda: os.mkfifo("x"),
        ):
            try:
                make()
                os.rename("x", name)
            except OSError:
                pass
"""
    pid = newts.sh(f"docker container inspect -f '{{{{.State.Pid}}}}' {CONTAINER}").strip()
    swap = f'cd /proc/{pid}/root{MOUNTED} && exec {AS_NEWT} python3 -I -S -c "$1"'
    before = outside(newts)
    # It ends when its standard input does, and is waited for: it would write on while the volume is
    # removed, and a signal that follows its parent's death is lost with the change of user.
    with newts.nas.popen(["sh", "-c", swap, "sh", program], stdin=subprocess.PIPE):
        time.sleep(0.5)  # it has begun
        for n in range(20):
            said = store(newts, KEY.replace("tell", f"tell-{n}"))
            assert said.startswith("revision "), said

    assert outside(newts) == before


def test_newts_own_credentials_stay_until_the_key_changes(newts: Host) -> None:
    as_newt(newts, 'echo \'{"id":"given"}\' >config.json')

    store(newts, KEY)
    assert "given" in newts.sh(f"cat {FOLDER}/config.json")

    store(newts, OTHER_KEY)
    assert whole(newts) == OTHER_KEY


def test_a_full_disk_leaves_newt_its_folder_and_what_was_in_it(newts: Host) -> None:
    with newts.stub("mktemp", "exit 1"):
        said = store(newts, OTHER_KEY, check=False)

    assert "cannot write credentials (disk full?)" in said
    assert whole(newts) == KEY
    store(newts, OTHER_KEY)
    assert whole(newts) == OTHER_KEY, "what failed is not passed for stored"


def test_a_volume_that_is_no_folder_of_dockers_own_is_refused(host: Host) -> None:
    host.apply(declare())
    options = f"--opt type=none --opt o=bind --opt device={VICTIMS}"
    host.sh(f"mkdir -p {VICTIMS} && chmod 755 {VICTIMS} && docker volume create {options} mounted")
    try:
        said = host.sh("newt-egress credentials volume mounted", stdin=KEY, check=False)
        assert "volume mounted has driver options" in said
        assert host.sh(f"stat -c '%U %a' {VICTIMS}") == "root 755\n"
        assert host.sh(f"find {VICTIMS} /var/lib/docker/volumes/mounted -name '*config*'") == ""
    finally:
        host.sh(f"docker volume rm mounted; rm -rf {VICTIMS}")


@pytest.mark.parametrize("folder", [STATE, "/usr/local/sbin"])
def test_a_folder_of_ours_that_others_may_write_to_is_refused(host: Host, folder: str) -> None:
    host.apply(declare())
    mode = host.sh(f"stat -c %a {folder}").strip()
    host.sh(f"chmod o+w {folder}")
    try:
        said = host.refuses(declare())
    finally:
        host.sh(f"chmod {mode} {folder}")

    assert f"users other than root may write to {folder}" in said


@contextlib.contextmanager
def remapped(host: Host, ids: int) -> Iterator[None]:
    """Docker gives its containers so many ids of the host, from 200000 on."""
    files = ("/etc/subuid", "/etc/subgid", CONFIGURATION)
    before = {file: host.sh(f"cat {file}") for file in files}
    remapping = json.loads(before[CONFIGURATION]) | {"userns-remap": "daemon"}
    ranges = f"daemon:200000:{ids}\n"
    try:
        docker_with(host, dict(zip(files, (ranges, ranges, json.dumps(remapping)), strict=True)))
        yield
    finally:
        docker_with(host, before)
        host.sh(f"docker start {JELLYFIN}")


def docker_with(host: Host, files: Mapping[str, str]) -> None:
    host.sh("systemctl stop docker.socket docker.service")
    for file, text in files.items():
        host.sh(f"cat >{file}", stdin=text)
    host.sh("systemctl reset-failed docker.service docker.socket; systemctl start docker.service")


def test_where_docker_remaps_users_the_credentials_are_for_the_newt_of_this_host(
    host: Host,
) -> None:
    with remapped(host, 65536):
        host.apply(declare())
        host.sh("docker volume create newt-config")
        host.sh("newt-egress credentials file", stdin=KEY)
        file = host.sh(f"stat -c '%a %u %g' {CREDENTIALS} {CREDENTIALS}/config.json")
        host.sh(STORE, stdin=OTHER_KEY)
        folder = "/var/lib/docker/200000.200000/volumes/newt-config/_data"
        volume = host.sh(f"stat -c '%a %u %g' {folder} {folder}/config.json")
        host.egress("remove")

    assert file.splitlines() == ["750 0 265534", "440 0 265534"]
    assert volume.splitlines() == ["700 265534 265534", "600 265534 265534"]


def test_where_docker_remaps_users_to_too_few_ids_nothing_is_changed(host: Host) -> None:
    with remapped(host, 1000):
        said = host.refuses(declare())

    assert "userns-remap, 200000.200000" in said
    assert "give its user a range of 65536 in /etc/subuid and /etc/subgid" in said
