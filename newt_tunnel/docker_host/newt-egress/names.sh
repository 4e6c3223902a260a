# --- host names -------------------------------------------------------------------------------------------------------

# At the end of a warning: what becomes of a name whose answer is refused at a refresh.
KEPT="refused, its last good answer is kept"

# look_up NAME SERVER: prints every A record, fails when there is no answer. The dot at the end keeps a tool from trying
# the name in this host's search domains.
look_up() {
    if have dig; then
        dig +short +time=2 +tries=2 -t A "$1." "@$2" 2>/dev/null
    elif have host; then
        host -W 2 -t A "$1." "$2" 2>/dev/null | sed -n 's/.* has address //p'
    else
        # shellcheck disable=SC2046 # of busybox it is two words
        limited 4 $(nslookup_command) -type=a "$1." "$2" 2>/dev/null |
            awk '/^Name:/ { found = 1; next } found && /^Address/ { sub(/^Address[^:]*: */, ""); print $1 }'
    fi | awk '/^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/' | sort -u | grep .
}

nslookup_command() {
    if have nslookup; then
        echo nslookup
    elif have busybox && busybox nslookup --help >/dev/null 2>&1; then
        echo "busybox nslookup"
    else
        return 1
    fi
}

can_ask_a_server() { have dig || have host || nslookup_command >/dev/null; }

# resolve NAME RESOLVERS: without resolvers this host's own is asked.
resolve() {
    if [ -n "$2" ]; then
        for _server in $2; do
            look_up "$1" "$_server" && return 0
        done
        return 1
    fi
    { in_hosts_file "$1" || getent ahostsv4 "$1." | awk '{ print $1 }'; } | sort -u | grep .
}

# in_hosts_file NAME: names in that file have no dot at the end.
in_hosts_file() {
    awk -v name="$1" '{ sub(/#.*/, ""); for (i = 2; i <= NF; i++) if (tolower($i) == name && $1 ~ /^[0-9.]+$/) { print $1; found = 1 } }
        END { exit !found }' /etc/hosts 2>/dev/null
}

# refused_answers DIR ROLE: what no name of ROLE may resolve to, because the attacker may own the name: one line per block,
# with the forbidden name that has this address (or -) and the reason. The addresses of forbidden names are in
# DIR/resolved already.
refused_answers() {
    for _block in 0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4; do
        echo "$_block - is loopback, link-local, multicast or reserved"
    done
    echo "$(value "$1" subnet) - is in newt's own network"
    ip -4 -o addr show | awk '{ split($4, part, "/"); print part[1] " - is this Docker host itself" }'
    values "$1" resolver | sed 's/$/ - is a resolver/'
    values "$1" forbidden | awk '$2 !~ /@[{]/ { print $2 " - is forbidden: mustNotReach " $1 }'
    for _name in $(names_of "$1" forbidden); do
        answer_of "$1" "$_name" | sed "s/\$/ $_name is forbidden: mustNotReach $_name/"
    done
    [ "$2" != endpoint ] ||
        values "$1" notpublic | sed 's/.*/& - is not public (&); write it in pangolin.addresses, of a node in pangolin.nodes, if Pangolin really is there/'
}

# objection NAME ADDRESS REFUSED: why ADDRESS must not be an answer for NAME; nothing when it may. REFUSED as
# refused_answers prints it.
objection() {
    is_ipv4 "$2" || { echo "is not an IPv4 address"; return; }
    # A pipe: a here-document may need disk space, and without it nothing would be refused.
    echo "$3" | while read -r _block _name _reason; do
        # A name may be allowed at one port and forbidden at another: it is no objection to itself.
        [ "$_name" != "$1" ] && within "$2" "$_block" && { echo "$_reason"; break; }
    done
}

# overlap_of NAME ADDRESS: an entry that forbids NAME, and one that allows the same port of ADDRESS; nothing where there is
# none. Allowed names are judged by objection.
overlap_of() {
    awk -F '[= ]' -v host="@{$1}" -v address="$2" '
        function number(text, part) { split(text, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
        function holds(block, address, part, size) {
            if (split(block, part, "/") < 2) part[2] = 32
            for (size = 1; part[2] < 32; part[2]++) size *= 2 # busybox may have no powers
            return int(number(part[1]) / size) == int(number(address) / size)
        }
        function ports_meet(one, other, ones, others, i, j, a, b) {
            if (one == "all" || other == "all") return 1
            for (i = split(one, ones, ","); i; i--) {
                if (split(ones[i], a, "-") < 2) a[2] = a[1]
                for (j = split(other, others, ","); j; j--) {
                    if (split(others[j], b, "-") < 2) b[2] = b[1]
                    if (a[1] + 0 <= b[2] + 0 && b[1] + 0 <= a[2] + 0) return 1
                }
            }
            return 0
        }
        $1 == "forbidden" && $3 == host { name[++n] = $2; protocol[n] = $4; ports[n] = $5 }
        $1 == "allowed" && holds($3, address) { its_name[++m] = $2; where[m] = $3; its_protocol[m] = $4; its_ports[m] = $5 }
        END {
            for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) {
                if (protocol[i] != its_protocol[j] && protocol[i] != "any" && its_protocol[j] != "any") continue
                if (!ports_meet(ports[i], its_ports[j])) continue
                print "mustNotReach " name[i] " (" ports[i] "/" protocol[i] ") overlaps with " its_name[j] " (" where[j] " " its_ports[j] "/" its_protocol[j] "), which newt may reach; narrow the one or remove the other"
                exit
            }
        }' "$NEXT/declaration"
}

# resolve_names [keep]: fills NEXT/resolved ("name address" lines) from NEXT/declaration. A resolver that fails leaves the
# last good answer of that name. So does a refused answer with `keep`; else it is an error, and the caller leaves the rules
# as they are.
resolve_names() {
    true >"$NEXT/resolved" || return 1
    _resolvers=$(values "$NEXT" resolver)
    if [ -n "$(values "$NEXT" name)" ] && [ -n "$_resolvers" ] && ! can_ask_a_server; then
        warn "no dig, host or nslookup here: names are resolved by this host's own resolver, not by $(one_line "$_resolvers")"
        _resolvers=
    fi
    ask_all "$_resolvers"
    # Forbidden names first: their addresses are what the others may not resolve to.
    for _role in forbidden endpoint target; do
        _refused=$(refused_answers "$NEXT" "$_role") || return 1
        for _name in $(names_of "$NEXT" "$_role"); do
            resolve_name "$_role" "$_name" "$_resolvers" "$_refused" "${1:-}" || return 1
        done
    done
}

# ask_all RESOLVERS: asks for all names of NEXT, many at once: a silent resolver costs seconds for each, and the lock is held.
# The answers are files in WORK.
ask_all() {
    _asked=0
    for _name in $(values "$NEXT" name | cut -d ' ' -f 2 | sort -u); do
        resolve "$_name" "$1" >"$WORK/answer.$_name" 2>/dev/null 9>&- &
        _asked=$((_asked + 1))
        [ $((_asked % ASKED_AT_ONCE)) -ne 0 ] || wait
    done
    wait
}

# resolve_name ROLE NAME RESOLVERS REFUSED KEEP: adds the addresses of NAME to NEXT/resolved.
resolve_name() {
    _answer=$(answer_of "$NEXT" "$2")
    _known=$_answer
    if [ -z "$_answer" ] && ! _answer=$(grep . "$WORK/answer.$2" 2>/dev/null); then
        _answer=$(answer_of "$CURRENT" "$2")
        [ -n "$_answer" ] || {
            complain "$2 does not resolve${3:+ (asked $(one_line "$3"))}: correct the name, or write its address$(whole_name "$2")$(of_several "$1")"
            return 1
        }
        warn "$2 does not resolve now; its last good answer is kept"
    fi
    _refusal=$(refusal "$1" "$2" "$_answer" "$4")
    if [ -n "$_refusal" ]; then
        # Whoever owns one name must not be able to stop the refresh of the others.
        _answer=$(answer_of "$CURRENT" "$2")
        [ "$5" = keep ] && [ "$1" != forbidden ] && [ -z "$_known" ] && [ -n "$_answer" ] &&
            [ -z "$(refusal "$1" "$2" "$_answer" "$4")" ] || {
            complain "$_refusal; refused, the rules stay as they are"
            return 1
        }
        warn "$_refusal; $KEPT"
    fi
    [ -z "$_known" ] || return 0
    for _address in $_answer; do
        echo "$2 $_address" >>"$NEXT/resolved" || return 1
        say "resolved $2 -> $_address"
    done
}

# refusal ROLE NAME ANSWER REFUSED: why no address of ANSWER is taken; nothing where all may be.
refusal() {
    [ "$(echo "$3" | wc -l)" -le "$MAX_ADDRESSES" ] || { echo "$2 resolves to more than $MAX_ADDRESSES addresses"; return; }
    for _address in $3; do
        if [ "$1" = forbidden ]; then
            _why=$(overlap_of "$2" "$_address")
            [ -z "$_why" ] || { echo "$2 resolves to $_address: $_why"; return; }
        else
            _why=$(objection "$2" "$_address" "$4")
            [ -z "$_why" ] || { echo "$2 resolves to $_address, which $_why"; return; }
        fi
    done
}

whole_name() { case $1 in *.*) ;; *) echo "; a name is asked for as it is written, without a search domain: write $1.lan or the like" ;; esac }

# Pangolin has one endpoint, but may have several nodes.
of_several() { [ "$1" != endpoint ] || echo "; of several nodes one may be left out of pangolin.nodes"; }

# names_of DIR ROLE: the host names of a role: forbidden, endpoint or target.
names_of() { values "$1" name | sed -n "s/^$2 //p"; }

# answer_of DIR NAME
answer_of() { [ ! -f "$1/resolved" ] || awk -v name="$2" '$1 == name { print $2 }' "$1/resolved"; }

# expand RESOLVED FILE: a line that names a host or a container, @{name}, is repeated per address, and @port in it is the port
# of the bridge behind which a container has that address; a target that is twice in a set is kept once, and nft refuses a
# list of elements that is empty.
expand() {
    awk 'FILENAME == ARGV[1] { addresses[$1] = addresses[$1] " " $2; ports[$1] = ports[$1] " " (NF > 2 ? $3 : "-"); next }
        function out(line, key) {
            key = line
            if (sub(/ comment ".*/, "", key) && key ~ / \. / && key !~ /[@]/) { if (key in seen) return; seen[key] = 1 }
            if (opening != "") { print opening; opening = "" }
            print line
        }
        /^\tset / { split("", seen) }
        /elements = [{]$/ { opening = $0; next }
        opening != "" && /^\t\t}$/ { opening = ""; next }
        match($0, /@[{][^}]*[}]/) {
            name = substr($0, RSTART + 2, RLENGTH - 3)
            before = substr($0, 1, RSTART - 1); after = substr($0, RSTART + RLENGTH)
            count = split(addresses[name], one, " "); split(ports[name], port, " ")
            for (i = 1; i <= count; i++) { line = before one[i] after; sub(/@port/, port[i], line); out(line) }
            next
        }
        { out($0) }' "$1" "$2"
}
