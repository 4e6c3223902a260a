# --- knocking ---------------------------------------------------------------------------------------------------------

if have bash; then KNOCKER=bash
elif have python3; then KNOCKER=python3
elif have nc; then KNOCKER=nc
else fail "bash, python3 or nc is needed on this host to try connections"
fi

PYTHON_TCP='import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))'
# A socket per datagram, all open to the end: a refusal spoils only its own, and no answer meets a closed port, which
# newt's network would report to the sender and a counter would take for our datagram.
# shellcheck disable=SC2016 # these are for the inner bash
BASH_UDP='for ((n = 0; n < $2; n++)); do exec {fd}<>"/dev/udp/$0/$1" || exit 1; printf newt-proof >&"$fd"; done
    read -r -t 0.5 -n 1 -u "$fd" && echo answered; :'
PYTHON_UDP='import contextlib, socket, sys
probes = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(int(sys.argv[3]))]
for probe in probes:
    probe.connect((sys.argv[1], int(sys.argv[2])))
    probe.settimeout(0.5)
    probe.send(b"newt-proof")
with contextlib.suppress(OSError):
    probe.recv(1)
    print("answered")'

# knock INSIDE ADDRESS PORT: says how a TCP connection went. INSIDE is the prefix that enters a network namespace, or empty.
knock() {
    # shellcheck disable=SC2086,SC2016 # the prefix is several words; $0 and $1 are for the inner bash
    case $KNOCKER in
        bash) _said=$($1 timeout "$KNOCK_SECONDS" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1) ;;
        python3) _said=$($1 timeout "$((KNOCK_SECONDS + 1))" python3 -c "$PYTHON_TCP" "$2" "$3" "$KNOCK_SECONDS" 2>&1) ;;
        nc) _said=$($1 timeout "$((KNOCK_SECONDS + 1))" nc -w "$KNOCK_SECONDS" "$2" "$3" </dev/null 2>&1) ;;
    esac
    case $KNOCKER:$? in
        *:0 | nc:124 | nc:143) # nc gives up by itself unless it is connected; timeout says 124, or 143 in busybox
            echo connected
            return
            ;;
    esac
    case $_said in
        *refused*) echo refused ;;
        *"No route"* | *unreachable* | *prohibited* | *"not permitted"*) echo unreachable ;;
        *) echo silent ;;
    esac
}

# send INSIDE ADDRESS PORT: some datagrams; says whether they are answered. Fails where it cannot send: nc knows UDP in
# too many ways.
send() {
    # shellcheck disable=SC2086
    case $KNOCKER in
        bash) $1 timeout "$KNOCK_SECONDS" bash -c "$BASH_UDP" "$2" "$3" "$DATAGRAMS" ;;
        python3) $1 timeout "$KNOCK_SECONDS" python3 -c "$PYTHON_UDP" "$2" "$3" "$DATAGRAMS" ;;
        nc) return 1 ;;
    esac 2>/dev/null
}

# An answer of any kind, a refusal too, means that the packet arrived.
answered() { [ "$1" = connected ] || [ "$1" = refused ]; }

# packets RULE ADDRESS: what the rules of that name counted in UDP for an address; without an address, in all.
packets() {
    newt_egress counters | awk -F '\t' -v rule="$1" -v address="${2:-}" '
        $4 == rule && (address == "" || $5 ~ /udp/ && index(" " $5 " ", " " address (index($5, address "/32") ? "/32 " : " "))) { n += $1 }
        END { print n + 0 }'
}
