"""The moments of a change at which something may happen to it: stand-ins for tools, on the NAS's
fixed PATH, that do their work first.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.host.rig import STATE

# Ends the program at work, and only that: its command line says so, and the NAS has process ids of
# its own.
KILL = """
for pid in $(grep -l -a -s -e 'newt-egress.apply' -e 'newt-egress.refresh' /proc/[0-9]*/cmdline |
        cut -d / -f 3); do
    kill -KILL "$pid"
done
"""


def after_a_load(act: str) -> str:
    return f'"$real" "$@" || exit\ncase " $* " in *" --test "* | *" -c "*) ;; *) {act} ;; esac'


def after_moving(target: str, act: str) -> str:
    return f'"$real" "$@" || exit\ncase " $* " in *" {target} ") {act} ;; esac'


def moments(act: str = KILL, *, arrangement: str = "iptables") -> Mapping[str, tuple[str, str]]:
    """Per moment, the tool to stand in for and the script that does ``act``."""
    loads = {
        "after the IPv6 rules": ("ip6tables-restore", after_a_load(act)),
        "after the IPv4 rules": ("iptables-restore", after_a_load(act)),
    }
    if arrangement == "nftables":
        loads = {"after the rules": ("nft", after_a_load(act))}
    return {
        "when the change was announced": ("mv", after_moving(f"{STATE}/pending", act)),
        **loads,
        "when the program was replaced": (
            "mv",
            after_moving("/usr/local/sbin/newt-egress", act),
        ),
        "between the two renames": ("mv", after_moving(f"{STATE}/previous", act)),
        "after the renames": ("mv", after_moving(f"{STATE}/current", act)),
    }
