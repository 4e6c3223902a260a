from __future__ import annotations

from tests.shares import place, share


def test_what_deploys_the_same_stack_shares_a_process() -> None:
    assert share("tests/stack/test_life.py::test_x") == share("tests/stack/test_end.py::test_y")
    life, node = "tests/cluster/stack/test_life.py", "tests/cluster/test_node.py"
    assert share(f"{life}::test_x") != share(f"{node}::test_y")
    changed = share("tests/stack/test_arrangements.py::test_x")
    assert changed == share("tests/stack/test_drift.py::test_y") != share("tests/stack/test_end.py")
    used = share("tests/stack/test_users.py::test_x")
    assert (
        changed != used == share("tests/stack/test_hostile.py") != share("tests/stack/test_end.py")
    )
    assert share("tests/host/test_boot.py::test_x") == "tests/host/test_boot.py"


def test_what_runs_with_another_docker_engine_than_the_newest_is_together() -> None:
    boot, bridge = "tests/host/test_boot.py::test_x", "tests/host/test_bridge.py::test_y"
    older = share(f"{boot}[docker.28-iptables]")
    assert older == share(f"{bridge}[nftables-docker.28]") == share(f"{bridge}[docker.28]")
    assert older != share(f"{bridge}[docker.29.nftables]")
    assert share(f"{boot}[docker.29-iptables]") == share(boot)


def test_an_empty_cluster_is_wanted_before_one_with_a_stack_and_what_takes_longest_first() -> None:
    modules = [
        "tests/cluster/stack/test_end.py",
        "tests/cluster/stack/test_life.py",
        "tests/cluster/stack/test_readme.py",
        "tests/cluster/test_open.py",
        "tests/host/test_boot.py",
        "tests/stack/test_drift.py",
        "tests/stack/test_end.py",
        "tests/stack/test_readme.py",
        "tests/stack/test_users.py",
        "tests/standins/test_docker_life.py",
    ]
    assert sorted(modules, key=place) == [
        "tests/stack/test_drift.py",
        "tests/stack/test_users.py",
        "tests/stack/test_end.py",
        "tests/stack/test_readme.py",
        "tests/cluster/test_open.py",
        "tests/cluster/stack/test_life.py",
        "tests/cluster/stack/test_end.py",
        "tests/cluster/stack/test_readme.py",
        "tests/standins/test_docker_life.py",
        "tests/host/test_boot.py",
    ]
