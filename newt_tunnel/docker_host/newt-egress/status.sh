# --- status -----------------------------------------------------------------------------------------------------------

# counters: one line per rule: packets, bytes, verdict, name, match; tab-separated
counters() {
    guarded || fail "no rules of newt-egress are on this host"
    if [ "$(value "$CURRENT" firewall)" = nftables ]; then
        { nft list table inet "$TABLE"; [ -z "$(value "$CURRENT" servicenetwork)" ] || nft list table bridge "$TABLE"; } | awk '
            /^\tchain / { chain = $2 }
            /counter packets/ && /comment "newt: / {
                name = $0; sub(/.*comment "newt: /, "", name); sub(/".*/, "", name)
                packets = $0; sub(/.*counter packets /, "", packets); sub(/ .*/, "", packets)
                bytes = $0; sub(/.* bytes /, "", bytes); sub(/[ ,].*/, "", bytes)
                match_ = $0; sub(/ *counter packets.*/, "", match_); sub(/^[ \t]*(elements = [{] )?/, "", match_)
                verdict = / reject / ? "reject" : / drop / ? "drop" : "return"
                print packets "\t" bytes "\t" verdict "\t" name "\t" match_ }'
        return
    fi
    {
        listing iptables "$(value "$CURRENT" table4)" "$EGRESS" -v
        listing iptables "$(value "$CURRENT" table4)" "$INGRESS" -v
        ! has_ipv6 || listing ip6tables mangle "$EGRESS" -v
        ! has_ipv6 || listing ip6tables mangle "$INGRESS" -v
    } | awk '/--comment "newt: / {
        name = $0; sub(/.*--comment "newt: /, "", name); sub(/".*/, "", name)
        count = $0; sub(/.* -c /, "", count); split(count, n, " ")
        verdict = / -j / ? tolower($NF) : "drop" # which follows the match that records
        match_ = $0; sub(/^-A [^ ]+ /, "", match_); sub(/-m comment .*/, "", match_)
        gsub(/-m (tcp|udp|conntrack) /, "", match_); sub(/ $/, "", match_)
        print n[1] "\t" n[2] "\t" verdict "\t" name "\t" match_ }'
}

# refused: one line per target that newt was refused lately, the last first: seconds ago, packets, protocol, address,
# port; tab-separated. "5+" are at least 5: iptables' own memory counts to 20, and forgets one an hour. Nothing where the
# rules are missing, which status reports.
refused() {
    guarded || fail "no rules of newt-egress are on this host"
    [ -n "$(value "$CURRENT" drops)" ] || fail "refused targets are not recorded: set docker.logDrops to true"
    _memory=$(value "$CURRENT" refused)
    : "${_memory:=newt-drops}" # of the newt without a name
    for _protocol in tcp udp; do
        if [ "$(value "$CURRENT" firewall)" = nftables ]; then
            nft list set inet "$TABLE" "drops_$_protocol" 2>/dev/null | refused_by_nftables "$_protocol"
        else
            cat "/proc/net/ipt_hashlimit/$_memory-$_protocol" 2>/dev/null | refused_by_iptables "$_protocol"
        fi
    done | sort -n
}

# An element: ADDRESS . PORT counter packets N bytes N expires 23h59m58s888ms
refused_by_nftables() {
    awk -v RS=, -v protocol="$1" -v kept="$REMEMBERED_SECONDS" '
        BEGIN { unit["d"] = 86400; unit["h"] = 3600; unit["m"] = 60; unit["s"] = 1 }
        / expires / {
            for (i = 2; i < NF; i++) {
                if ($i == ".") { address = $(i - 1); port = $(i + 1) }
                if ($i == "packets") packets = $(i + 1)
                if ($i == "expires") left = $(i + 1)
            }
            seconds = 0
            sub(/[0-9]+ms/, "", left)
            while (match(left, /^[0-9]+[dhms]/)) {
                seconds += substr(left, 1, RLENGTH - 1) * unit[substr(left, RLENGTH, 1)]
                left = substr(left, RLENGTH + 1)
            }
            print kept - seconds "\t" packets "\t" protocol "\t" address "\t" port }'
}

# A line: SECONDS-LEFT 0.0.0.0:0->ADDRESS:PORT CREDIT FULL-CREDIT COST. The missing credit is what came.
refused_by_iptables() {
    awk -v protocol="$1" -v kept="$REMEMBERED_SECONDS" '$1 >= 0 && NF == 5 {
        split($2, ends, "->"); split(ends[2], to, ":")
        packets = int(($4 - $3) / $5 + 0.5)
        print kept - $1 "\t" (packets ? packets : 1) "+\t" protocol "\t" to[1] "\t" to[2] }'
}

refused_report() {
    _size=$(value "$CURRENT" drops)
    [ -n "$_size" ] || return 0
    say "refused within a day: what newt tried, which is not what it needs"
    refused | awk -F '\t' -v shown="$SHOWN_DROPS" -v size="$_size" '
        function ago(s) { return s < 120 ? s " s" : s < 7200 ? int(s / 60) " min" : int(s / 3600) " h" }
        NR <= shown { printf "%10s  %8s ago  %s %s/%s\n", $2, ago($1), $4, $5, $3 }
        { n[$3]++ }
        END {
            if (!NR) print "   nothing"
            if (NR > shown) print "   and " (NR - shown) " more: newt-egress refused"
            for (protocol in n) if (n[protocol] >= size) print "   " size " in " protocol ", which is all that is recorded: more were refused"
        }'
}

neighbours_report() {
    _neighbours=$(neighbours "$CURRENT")
    [ -z "$_neighbours" ] || warn "also on newt's network, where newt must be alone: $(one_line "$_neighbours")"
}

# proof_report: the last table, good or not; pulumi stack output proof has the last good one.
proof_report() {
    [ -s "$PROVED" ] || { say "last proof: none, or its table could not be saved"; return; }
    _rules="these rules"
    [ "$(sed -n '1s/.*, rules //p' "$PROVED")" = "$(record hash)" ] || _rules="other rules than these"
    say "last proof, of $_rules: $(sed -n 1p "$PROVED")"
    sed 1d "$PROVED"
}

status() {
    guarded || fail "no rules of newt-egress are on this host"
    _faults=$(faults "$CURRENT")
    say "stack $(value "$CURRENT" owner), ${INSTANCE:+instance }${INSTANCE:-as a former release set it up}, $(value "$CURRENT" firewall), bridge $(value "$CURRENT" bridge), newt $(value "$CURRENT" newt)"
    jump_report "$CURRENT"
    [ ! -s "$CURRENT/resolved" ] || sed 's/^\([^ ]*\) /resolved \1 -> /' "$CURRENT/resolved"
    printf '%10s %12s %-7s %-24s %s\n' packets bytes verdict rule match
    counters | awk -F '\t' '{ printf "%10s %12s %-7s %-24s %s\n", $1, $2, $3, $4, $5 }'
    refused_report
    neighbours_report
    containers_report
    proof_report
    [ ! -e "$HELD" ] || say "newt is held: the proof found the cage open"
    say "last refresh: $(($(since_refresh) / 60)) min ago$([ -e "$REFRESHED" ] || echo ' at the latest, before this boot')"
    [ ! -e "$UNRESOLVED" ] || warn "host names are not refreshed: $(cat "$UNRESOLVED")"
    former_remarks "$CURRENT"
    bridge_limit
    if [ -n "$_faults" ]; then
        say "NOT in force:"
        say "$_faults"
        return 1
    fi
    say "in force"
}

check() {
    guarded || [ -z "$INSTANCE" ] || ! (use "" && guarded) || use "" # which the next apply takes over, or is in its way
    until_quiet
    _place=$(ls -di "$CURRENT" 2>/dev/null)
    _answer=$(answer)
    until_quiet
    # A refresh has replaced the declaration meanwhile: half of the answer is about the former.
    [ "$_place" = "$(ls -di "$CURRENT" 2>/dev/null)" ] || _answer=$(answer)
    say "$_answer"
}

# until_quiet: until nobody changes the rules, but not for long. What is half-way is no fault.
until_quiet() {
    [ -e "$LOCK" ] && have flock || return 0
    (
        for _second in 1 2 3 4 5; do
            ! flock -n 9 || exit 0
            sleep 1
        done
    ) 9<"$LOCK"
}

answer() {
    for _other in $(others); do
        _theirs=$(folder_of "$_other")
        # A damaged declaration claims nothing, and must not keep others from being updated.
        for _key in owner bridge subnet network container; do value "$_theirs" "$_key"; done |
            tr '\n' ' ' | awk 'NF == 5 { print "other=" $0 }'
    done
    guarded || { say "state=absent"; return; }
    _faults=$(faults "$CURRENT" | joined)
    say "state=$([ -z "$_faults" ] && echo ok || echo drifted)"
    say "instance=$INSTANCE"
    say "owner=$(value "$CURRENT" owner)"
    say "hash=$(record hash)"
    say "generation=$(record generation)"
    say "confirmed=$(cat "$CONFIRMED" 2>/dev/null)"
    [ ! -e "$HELD" ] || say "held=yes"
    [ -z "$_faults" ] || say "faults=$_faults"
    _open=$(way_faults "$CURRENT")
    [ -z "$_open" ] || say "open=$_open"
    say "refreshed=$(since_refresh)"
    [ ! -e "$UNRESOLVED" ] || say "unresolved=$(one_line "$(cat "$UNRESOLVED")")"
    _status=$(newt_status "$(value "$CURRENT" container)")
    [ "${_status:-running}" = running ] || say "newt=$_status"
    _stored=$(stored_credentials)
    [ -z "$_stored" ] || say "credentials=$_stored"
    _former=$(former_remarks "$CURRENT" | joined)
    [ -z "$_former" ] || say "former=$_former"
    [ -n "$_status" ] || return 0 # Docker does not answer, and is not waited for again
    _neighbours=$(neighbours "$CURRENT")
    [ -z "$_neighbours" ] || say "neighbours=$(one_line "$_neighbours")"
    _containers=$(containers_report | joined)
    [ -z "$_containers" ] || say "containers=$_containers"
}
