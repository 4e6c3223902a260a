# --- rows of the table ------------------------------------------------------------------------------------------------

# A tab ends each cell, for programs; the spaces before it align the table, for people. The order of the columns is what
# egress/proof_table.py reads.
ROW='%-23s\t%-23s\t%-15s\t%-15s\t%-15s\t%s\n'
CELL_END=' *\t' # a pattern of awk

# row RULE DESTINATION PORT EXPECTED VERDICT EVIDENCE
# shellcheck disable=SC2059 # a constant
row() { printf "$ROW" "$@"; }

judge_tcp() {
    _inside=$1 _expected=$2 _address=$3 _port=$4 _name=$5 _of=$6 _scratch=$7
    _from=$(control "$_address")
    knock "$_from" "$_address" "$_port" >"$_scratch" & # the control, at the same time
    _newt=$(knock "$_inside" "$_address" "$_port")
    wait $!
    _host=$(cat "$_scratch")
    rm -f "$_scratch"
    if answered "$_newt"; then
        _verdict=reached
        [ "$_expected" = reach ] || _verdict=OPEN
    elif answered "$_host"; then _verdict=blocked
    else _verdict="not proved"
    fi
    _by=host
    [ -z "$_from" ] || _by=itself
    row "$_name" "$_address" "$_port/tcp" "$_expected" "$_verdict" "newt: $_newt, $_by: $_host${_of:+, of $_of}"
}

judge_udp() {
    _inside=$1 _expected=$2 _address=$3 _port=$4 _name=$5 _of=$6
    _rule=$_name _counted=$_address
    [ "$_expected" = reach ] || { _rule="not listed" _counted=; [ -z "$(control "$_address")" ] || _rule="services: not listed"; }
    _before=$(packets "$_rule" "$_counted")
    if ! _answer=$(send "$_inside" "$_address" "$_port"); then
        _evidence="newt's network sends nothing there"
        [ "$KNOCKER" != nc ] || _evidence="nothing to send UDP with: install bash or python3"
        row "$_name" "$_address" "$_port/udp" "$_expected" "not probed" "$_evidence${_of:+, of $_of}"
        return
    fi
    _more=$(($(packets "$_rule" "$_counted") - _before))
    case $_expected:${_answer:-silent}:$((_more >= DATAGRAMS)) in
        reach:answered:*) _verdict=reached ;;
        reach:silent:1) _verdict=counted ;;
        block:silent:1 | reach:silent:0) _verdict=blocked ;;
        *) _verdict=OPEN ;;
    esac
    row "$_name" "$_address" "$_port/udp" "$_expected" "$_verdict" "newt: ${_answer:-silent}, rule '$_rule' counted +$_more${_of:+, of $_of}"
}

# time_is_up START
time_is_up() { [ $(($(date +%s) - $1)) -ge "$TOTAL_SECONDS" ]; }
out_of_time() { row "$@" "not probed" "no time left after $TOTAL_SECONDS s"; }

# measure INSIDE HEADING [PID]: fills WORK/table, below HEADING. Forbidden things first, should time run out. PID is newt's
# process, unless another takes its place.
measure() {
    # shellcheck disable=SC2086 # several words
    $1 true 2>/dev/null || { [ -z "${3:-}" ] || stays "$3" || not_up; fail "newt's network cannot be entered: nothing was tried"; }
    rm -f "$WORK"/row.* "$TABLE" # on a full disk status shows no table rather than an older one
    _start=$(date +%s) _number=0 _running=0 _children=
    while read -r _expected _protocol _address _port _name _of; do
        _number=$((_number + 1))
        _row=$WORK/row.$(printf '%05d' "$_number")
        if [ "$_expected" = allowed ]; then
            row "$_name" "$_address" "$_port/$_protocol" block "not probed" "rule '$_of' allows it by name" >"$_row"
        elif [ "${_address#@}" != "$_address" ]; then
            row "$_name" "$_address" "$_port/$_protocol" "$_expected" "not probed" "this host has no address for it" >"$_row"
        elif [ "$_protocol" = any ] || [ "${_address#*/}" != "$_address" ]; then
            row "$_name" "$_address" "$_port/$_protocol" "$_expected" "not probed" "more than one address or port" >"$_row"
        elif time_is_up "$_start"; then
            out_of_time "$_name" "$_address" "$_port/$_protocol" "$_expected" >"$_row"
        elif [ "$_protocol" = udp ]; then
            echo "$_row $_expected $_address $_port $_name $_of" >>"$WORK/udp"
        else
            judge_tcp "$1" "$_expected" "$_address" "$_port" "$_name" "$_of" "$WORK/host.$_number" >"$_row" </dev/null &
            _running=$((_running + 1)) _children="$_children $!"
            # By process id: the process that holds a namespace in newt's place is a child, too, and sleeps.
            # shellcheck disable=SC2086
            [ "$_running" -lt "$AT_ONCE" ] || { wait $_children; _running=0 _children=; }
        fi
    done <"$WORK/plan"
    # shellcheck disable=SC2086
    [ -z "$_children" ] || wait $_children
    # One after the other: the evidence is a counter.
    : >>"$WORK/udp"
    while read -r _row _expected _address _port _name _of; do
        if time_is_up "$_start"; then
            out_of_time "$_name" "$_address" "$_port/udp" "$_expected" >"$_row"
        else
            judge_udp "$1" "$_expected" "$_address" "$_port" "$_name" "$_of" >"$_row" </dev/null
        fi
    done <"$WORK/udp"
    rm -f "$WORK/udp"
    {
        echo "measured $(date -u +%Y-%m-%dT%H:%M:%SZ), $2"
        row RULE DESTINATION PORT EXPECTED VERDICT EVIDENCE
        cat "$WORK"/row.*
    } >"$WORK/table"
}

# void_silence: the silence of a newt that is gone proves nothing; what it reached, it reached.
void_silence() {
    awk -F "$CELL_END" -v row="$ROW" 'NR <= 2 || $5 == "OPEN" || $5 == "reached" || $5 == "counted" { print; next }
        { printf row, $1, $2, $3, $4, "not probed", "newt does not stay up" }' \
        "$WORK/table" >"$WORK/void" && mv "$WORK/void" "$WORK/table"
}

# keep_table: saves the table for newt-egress status. A full disk does not fail the proof.
keep_table() {
    { cat "$WORK/table" >"$TABLE.new" && mv "$TABLE.new" "$TABLE"; } 2>/dev/null && return
    rm -f "$TABLE.new"
    echo "warning: this table cannot be saved in $STATE for newt-egress status (disk full?)"
}

# remarks: warnings about rows of the table. Samples of one range count together.
remarks() {
    awk -F "$CELL_END" 'NR <= 2 { next }
        {
            key = NR; named = $1
            if ($6 ~ /, of [^ ]+$/) { part = $6; sub(/.*, of /, "", part); key = $1 " " part; named = $1 ", of " part }
            if (!(key in name)) { keys[++n] = key; name[key] = named }
            tried[key]++
            if ($5 == "not proved") silent[key]++
            if ($4 == "reach" && $5 == "blocked") cut_off[key]++
        }
        END {
            for (i = 1; i <= n; i++) {
                key = keys[i]
                if (silent[key] == tried[key]) print "warning: " name[key] ": neither newt nor this host gets an answer: nothing is proved"
                if (cut_off[key]) print "warning: " name[key] ": newt may reach it, but only this host does"
            }
        }' "$WORK/table"
}
