"""Wrong stack files of a cluster. What must not be reached is left out, unless it is the case."""

from __future__ import annotations

from tests.unit.settings.bad_input import BLOCK, HOST, PODS, SERVICE, Case, at, egress, of
from tests.unit.settings.example import ABSENT

PLATFORM: list[Case] = [
    at(
        "docker",
        {"address": "10.0.1.10"},
        "belongs to platform: docker, and this stack has platform: kubernetes; remove it",
        shown=None,
    ),
    at("sshPrivateKey", "x", "belongs to platform: docker", shown=None),
    at("kubernets", {}, "did you mean kubernetes?", shown=None),
    at("platform", "k3s", "write one of docker, kubernetes"),
    (
        {"agent": "pangolin-cli"},
        "agent.name",
        "pangolin-cli",
        "is not supported in a cluster: chart newt cannot start `pangolin-cli up site`, and "
        "chart pangolin-cli has no published source, so the labels that the policy selects by "
        "are not known; write newt",
    ),
    (
        {"agent": {"image": "fosrl/pangolin-cli:0.23.0"}},
        "agent.image",
        "fosrl/pangolin-cli:0.23.0",
        "is an image of pangolin-cli, and agent.name is newt; write an image like "
        "fosrl/newt:1.16.0",
    ),
    ({"agent": "olm"}, "agent.name", "olm", "write one of newt, pangolin-cli"),
    ({"newt": {"capabilities": ["NET_RAW"]}}, "newt.capabilities", None, "Pod Security"),
    at("newt.logLevel", "FATAL", "write one of DEBUG, INFO, WARN, ERROR"),
    at("newt.logLevel", "fatal", "write one of DEBUG, INFO, WARN, ERROR"),
    at("dns", "10.43.0.10", "write `cluster`, `none`, `any`, or a list"),
    at("dns", [], "write `none`"),
    at("dns", ["cluster", "cluster"], "write each once"),
    ({"dns": ["dns.lan"]}, "dns[0]", "dns.lan", "is not an address"),
    ({"dns": ["cluster", "127.0.0.53"]}, "dns[1]", "127.0.0.53", "newt itself"),
    (
        {
            "dns": "none",
            "pangolin": {"endpoint": "https://203.0.113.10"},
            "egress": [{"name": "a", "host": "nas.lan", "port": 80}],
        },
        "egress[0].host",
        "nas.lan",
        "with dns: none newt cannot look it up; write its address",
    ),
    (
        {"dns": "none"},
        "pangolin.endpoint",
        "https://pangolin.example.com",
        "newt's pod cannot look it up; write dns: cluster",
    ),
    ({"pangolin": {"endpoint": "https://[::1]"}}, "pangolin.endpoint", "https://[::1]", "loopback"),
    (
        {"pangolin": {"endpoint": "https://[fd00::1]"}},
        "pangolin.addresses",
        "(missing)",
        "fd00::1 is not public; if that is intended, write [fd00::1]",
    ),
    (
        {"pangolin.addresses": ["203.0.113.10", "fe80::1"]},
        "pangolin.addresses[1]",
        "fe80::1",
        "is link-local",
    ),
]

NAMES: list[Case] = [
    of(PODS, "namespace", "Web", "lower-case letters"),
    of(PODS, "namespace", "a" * 64, "up to 63"),
    of(PODS, "namespace", "web_1", "lower-case letters"),
    of(PODS, "labels", {"app": "a b"}, "no value for the label app", shown="a b"),
    of(PODS, "labels", {"app": True}, "put it in quotes", shown="true"),
    of(PODS, "labels", {"app": 1}, "put it in quotes", shown="1"),
    of(PODS, "labels", {"-app": "a"}, "is not the key of a label", shown="-app"),
    of(PODS, "labels", {"A/b/c": "a"}, "not the key of a label", shown="A/b/c"),
    of(PODS, "labels", {"/app": "a"}, "is not the key of a label", shown="/app"),
    of(PODS, "labels", "app=web", "write it like {app: gitea}"),
    of(BLOCK, "labels", {"app": "web"}, "has no `namespace`", shown="{app}"),
    of(SERVICE, "service", "web", "has no namespace"),
    of(
        SERVICE,
        "service",
        "web.shop.svc.cluster.local",
        "write the Service's namespace first: shop/web",
    ),
    of(SERVICE, "service", "a/b/c", "is not NAMESPACE/NAME"),
    of(SERVICE, "service", "Shop/web", "NAMESPACE/NAME"),
    of(SERVICE, "service", 80, "like gitea/gitea"),
    of(SERVICE, "name", "dns", "choose another"),
    of(SERVICE, "name", "node-ssh", "choose another"),
    of(SERVICE, "name", "web-", "first and last"),
]

TARGETS: list[Case] = [
    of(SERVICE, "service", ABSENT, "write the target, `serv"),
    of(SERVICE, "host", "10.0.1.7", "is set together with service web"),
    of(PODS, "cidr", "10.0.1.0/24", "set together with namespace web"),
    of(SERVICE, "namespace", "web", "is set together with service"),
    of(SERVICE, "port", "80-90", "a Service has single ports"),
    of(BLOCK, "port", "http", "write a number"),
    of(PODS, "port", "HTTP", "up to 15 lower-case letters"),
    of(PODS, "port", "a" * 16, "up to 15 lower-case letters"),
    of(PODS, "port", ["http", "http"], "names http twice"),
    of(PODS, "port", 0, "ports go from 1 to 65535"),
    of(PODS, "port", [], "write the ports"),
    of(PODS, "port", [80, "1-90"], "which overlap"),
    of(PODS, "port", ABSENT, "write the port"),
    of(PODS, "protocol", "sctp", "write TCP or UDP"),
    (egress(PODS, wide=True), "egress[0].cidr", "(missing)", "remove `wide`"),
    of(PODS, "reason", "a\nb", "is not a plain remark", shown='"a\\nb"'),
    of(HOST, "host", "web.shop.svc.cluster.local", "write `service: shop/web`"),
    of(HOST, "host", "localhost", "is newt's own pod"),
    of(
        HOST,
        "host",
        "web",
        "is not a full name, and no search domain is added to it; write the full name, like "
        "web.lan, or the address; for a Service write `service: NAMESPACE/NAME`",
    ),
    ({"egress": ["web:80:tcp"]}, "egress[0].host", "web", "is not a full name"),
    ({"mustNotReach": ["web:80:tcp"]}, "mustNotReach[0].host", "web", "is not a full name"),
    at("pangolin.endpoint", "https://pangolin", "is not a full name"),
    ({"egress": ["shop/web:80:tcp"]}, "egress[0].host", "shop/web", "write it as `service: shop/w"),
    of(HOST, "host", "::ffff:10.0.1.7", "write it as IPv4"),
    of(SERVICE, "service", "newt-tunnel/web", "is in newt's own namespace"),
    of(PODS, "namespace", "newt-tunnel", "is in newt's own namespace"),
]

BLOCKS: list[Case] = [
    *(
        of(BLOCK, "cidr", block, "or `wide: true` if it is intended")
        for block in (
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "8.0.0.0/7",
            "fc00::/7",
            "fd00::/8",
            "2000::/3",
            # All of IPv4, or a whole network of it, through NAT64 or 6to4.
            "64:ff9b::/96",
            "64:ff9b::/64",
            "64:ff9b::/97",
            "64:ff9b::a00:0/104",
            "64:ff9b:1::/48",
            "2002::/16",
            "2002:a00::/24",
        )
    ),
    of(BLOCK, "cidr", "64:ff9b::a9fe:0/112", "is link-local"),
    of(BLOCK, "cidr", "64:ff9b::7f00:1/128", "is loopback"),
    of(BLOCK, "cidr", "2002:7f00::/24", "is loopback"),
    of(BLOCK, "cidr", "::a00:107/128", "is an IPv4 address in IPv6 notation"),
    (
        egress(BLOCK, cidr="169.254.0.0/16", wide=True),
        "egress[0].cidr",
        "169.254.0.0/16",
        "is link-local",
    ),
    of(BLOCK, "cidr", "fe80::/64", "is link-local"),
    of(BLOCK, "cidr", "10.0.1.7/24", "10.0.1.0/24 for the bl"),
    of(BLOCK, "cidr", "fd00:1::7/64", "fd00:1::/64 for the b"),
    of(BLOCK, "cidr", "10.0.1.7", "write 10.0.1.7/32"),
    of(BLOCK, "cidr", "fd00::7", "write fd00::7/128"),
    of(BLOCK, "cidr", "fd00::/129", "N from 0 to 128"),
    of(BLOCK, "cidr", "lan/24", "is not a block of addresses"),
    of(BLOCK, "cidr", "fd00::%eth0/64", "not a block"),
]

CLUSTER: list[Case] = [
    at("kubernetes.context", "a b", "kubectl config get-contexts"),
    at("kubernetes.namespace", "kube-system", "of its own"),
    at("kubernetes.namespace", "default", "of its own"),
    at("kubernetes.namespace", "Newt", "lower-case letters"),
    at("kubernetes.namespace", "n" * 56, "write at most 55"),
    at("kubernetes.chart.version", "*", "pin one, like 1.5.0"),
    at("kubernetes.chart.version", "^1.5.0", "pin one"),
    at("kubernetes.chart.version", "~1.5", "pin one"),
    at("kubernetes.chart.version", "1.x", "pin one"),
    at("kubernetes.chart.version", ">=1.5.0", "pin one"),
    at("kubernetes.chart.version", 1.5, "three numbers"),
    at("kubernetes.chart.version", "latest", "three numbers"),
    at("kubernetes.chart.name", "New t", "lower-case letters"),
    at("kubernetes.chart.repository", "http://charts.example.com", "write https://"),
    at("kubernetes.chart.repository", "charts.example.com", "is not a chart repository"),
    at(
        "kubernetes.chart.repository",
        "https://u:hunter2@charts.example.com",
        "is not a chart repository",
        shown="https://...@charts.example.com",
    ),
    at("kubernetes.storage.size", "64", "write it like 64Mi"),
    at("kubernetes.storage.class", "A b", "get storageclass"),
    at("kubernetes.storage.enabled", "maybe", "true or false"),
    at("kubernetes.clusterDns.labels", {}, "would open DNS to every pod", shown="{}"),
    at("kubernetes.clusterDns.port", "dns", "is not a port"),
    at("kubernetes.gateCanary", "grafana", "ADDRESS:PORT or"),
    at("kubernetes.gateCanary", "10.43.0.10:0", "1 to 65535"),
    at("kubernetes.gateCanary", "10.43.0.300:9153", "is not an address"),
    at("kubernetes.acceptNodeAccess", 1, "write true or false"),
    at("kubernetes", "k3s-home", "is not a section"),
]

BETWEEN: list[Case] = [
    (
        {"egress": [PODS, {**PODS, "port": 8081}]},
        "egress[1].name",
        "web",
        "is the name of egress[0] as well",
    ),
    (
        {"egress": [PODS, {**PODS, "name": "again"}]},
        "egress[1]",
        "again, web/app=web 8080/tcp",
        "repeats what egress[0] (web) allows",
    ),
    (
        {"egress": [SERVICE, {**SERVICE, "name": "again", "port": [80, 81]}]},
        "egress[1]",
        "again, web/web 80/tcp",
        "repeats egress[0] (web)",
    ),
    (
        {"egress": [SERVICE], "mustNotReach": [{**SERVICE, "name": "never"}]},
        "mustNotReach[0]",
        "never, web/web 80/tcp",
        "overlaps with egress[0] (web), which newt may reach",
    ),
    (
        {"egress": [PODS], "mustNotReach": [{**PODS, "name": "never", "labels": {"tier": "x"}}]},
        "mustNotReach[0]",
        "never (web/tier=x 8080/tcp)",
        "overlaps with egress[0]: web",
    ),
    (
        {"egress": [BLOCK], "mustNotReach": [{"name": "a", "host": "10.0.7.1", "port": 80}]},
        "mustNotReach[0]",
        "a (10.0.7.1 80/tcp)",
        "overlaps with egress[0]: web (10.0.7.0/24 80/tcp)",
    ),
]


CASES = [
    ({"mustNotReach": [], **changes}, key, value, remedy)
    for changes, key, value, remedy in (*PLATFORM, *NAMES, *TARGETS, *BLOCKS, *CLUSTER, *BETWEEN)
]
