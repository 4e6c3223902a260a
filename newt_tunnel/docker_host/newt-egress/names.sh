# --- host names -------------------------------------------------------------------------------------------------------

# look_up NAME SERVER: prints every A record, fails when there is no answer. The dot at the end keeps a tool from trying
# the name in this host's search domains.
look_up() {
    if have dig; then
        dig +short +time=2 +tries=2 -t A "$1." "@$2" 2>/dev/null
    elif have host; then
        host -W 2 -t A "$1." "$2" 2>/dev/null | sed -n 's/.* has address //p'
    else
        # shellcheck disable=SC2086 # of busybox it is two words
        limited 4 $NSLOOKUP -type=a "$1." "$2" 2>/dev/null |
            awk '/^Name:/ { found = 1; next } found && /^Address/ { sub(/^Address[^:]*: */, ""); print $1 }'
    fi | awk '/^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/' | sort -u | grep .
}

NSLOOKUP=
can_ask_a_server() {
    if have nslookup; then
        NSLOOKUP=nslookup
    elif have busybox && busybox nslookup --help >/dev/null 2>&1; then
        NSLOOKUP="busybox nslookup"
    fi
    have dig || have host || [ -n "$NSLOOKUP" ]
}

resolve() {
    if [ -n "$ASKED" ]; then
        for _server in $ASKED; do
            look_up "$1" "$_server" && return 0
        done
        return 1
    fi
    { in_hosts_file "$1" || getent ahostsv4 "$1." | awk '{ print $1 }'; } | sort -u | grep .
}

# in_hosts_file NAME: which knows no dot at the end of a name.
in_hosts_file() {
    awk -v name="$1" '{ sub(/#.*/, ""); for (i = 2; i <= NF; i++) if (tolower($i) == name && $1 ~ /^[0-9.]+$/) { print $1; found = 1 } }
        END { exit !found }' /etc/hosts 2>/dev/null
}

# The attacker may own a name. Prints why ADDRESS must not be an answer for a name of ROLE; nothing when it may.
objection() {
    _role=$1 _address=$2
    is_ipv4 "$_address" || { echo "is no IPv4 address"; return; }
    for _block in 0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4; do
        within "$_address" "$_block" && { echo "is loopback, link-local, multicast or reserved"; return; }
    done
    within "$_address" "$SUBNET" && { echo "lies in newt's own network"; return; }
    for _local in $LOCALS; do
        [ "$_address" = "$_local" ] && { echo "is this Docker host itself"; return; }
    done
    for _server in $RESOLVERS; do
        [ "$_address" = "$_server" ] && { echo "is a resolver"; return; }
    done
    while read -r _name _block _; do
        # A name may be allowed at one port and forbidden at another: it is no objection to itself.
        [ "$_name" != "@$_host" ] || continue
        [ -n "$_block" ] && within "$_address" "$_block" && { echo "is forbidden: mustNotReach ${_name#@}"; return; }
    done <<END
$FORBIDDEN
END
    [ "$_role" = endpoint ] || return 0
    for _block in $NOT_PUBLIC; do
        within "$_address" "$_block" && {
            echo "is not public ($_block); write it in pangolin.addresses if Pangolin really is there"
            return
        }
    done
}

# overlap_of HOST ADDRESS: an entry that forbids HOST, and one that allows the same port of ADDRESS; nothing where there is
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

# resolve_names: fills NEXT/resolved ("name address" lines) from NEXT/declaration. A resolver that fails leaves the last
# good answer; an answer that must not be is an error, and the caller leaves the rules as they are.
resolve_names() {
    true >"$NEXT/resolved" || return 1
    RESOLVERS=$(values "$NEXT" resolver)
    ASKED=$RESOLVERS
    SUBNET=$(value "$NEXT" subnet)
    NOT_PUBLIC=$(values "$NEXT" notpublic)
    LOCALS=$(ip -4 -o addr show | awk '{ split($4, a, "/"); print a[1] }')
    if [ -n "$(values "$NEXT" name)" ] && [ -n "$RESOLVERS" ] && ! can_ask_a_server; then
        warn "no dig, host or nslookup here: names are resolved by this host's own resolver, not by $(one_line "$RESOLVERS")"
        ASKED=
    fi
    FORBIDDEN=$(values "$NEXT" forbidden | grep -v '@{')
    # Forbidden names first: their addresses are what the others may not resolve to.
    for _wanted in forbidden endpoint target; do
        for _host in $(values "$NEXT" name | sed -n "s/^$_wanted //p"); do
            resolve_name "$_wanted" "$_host" || return 1
        done
    done
}

resolve_name() {
    _role=$1 _host=$2
    _answer=$(answer_of "$NEXT" "$_host")
    _known=$_answer
    if [ -z "$_answer" ] && ! _answer=$(resolve "$_host"); then
        _answer=$(answer_of "$CURRENT" "$_host")
        [ -n "$_answer" ] || {
            complain "$_host does not resolve${ASKED:+ (asked $(one_line "$ASKED"))}: correct the name, or write its address$(whole_name "$_host")"
            return 1
        }
        warn "$_host does not resolve now; its last good answer is kept"
    fi
    [ "$(echo "$_answer" | wc -l)" -le "$MAX_ADDRESSES" ] || {
        complain "$_host resolves to more than $MAX_ADDRESSES addresses; refused, the rules stay as they are"
        return 1
    }
    for _address in $_answer; do
        if [ "$_role" = forbidden ]; then
            _overlap=$(overlap_of "$_host" "$_address")
            [ -z "$_overlap" ] || {
                complain "$_host resolves to $_address: $_overlap; refused, the rules stay as they are"
                return 1
            }
            FORBIDDEN="$FORBIDDEN
@$_host $_address"
        else
            _objection=$(objection "$_role" "$_address")
            [ -z "$_objection" ] || {
                complain "$_host resolves to $_address, which $_objection; refused, the rules stay as they are"
                return 1
            }
        fi
        [ -z "$_known" ] || continue
        echo "$_host $_address" >>"$NEXT/resolved" || return 1
        say "resolved $_host -> $_address"
    done
}

whole_name() { case $1 in *.*) ;; *) echo "; a name is asked for as it is written, without a search domain: write $1.lan or the like" ;; esac }

answer_of() { [ ! -f "$1/resolved" ] || awk -v name="$2" '$1 == name { print $2 }' "$1/resolved"; }

# expand RESOLVED FILE: a line that names a host, @{name}, is repeated per address; a target set twice is kept once.
expand() {
    awk 'FILENAME == ARGV[1] { addresses[$1] = addresses[$1] " " $2; next }
        function out(line, key) {
            key = line
            if (sub(/ comment ".*/, "", key) && key ~ / \. / && key !~ /[@]/) { if (key in seen) return; seen[key] = 1 }
            print line
        }
        match($0, /@[{][^}]*[}]/) {
            count = split(addresses[substr($0, RSTART + 2, RLENGTH - 3)], one, " ")
            before = substr($0, 1, RSTART - 1); after = substr($0, RSTART + RLENGTH)
            for (i = 1; i <= count; i++) out(before one[i] after)
            next
        }
        { out($0) }' "$1" "$2"
}
