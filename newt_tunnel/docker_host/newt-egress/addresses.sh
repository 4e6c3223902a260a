# --- IPv4 arithmetic --------------------------------------------------------------------------------------------------

is_ipv4() {
    printf '%s\n' "$1" | awk -F. 'NF != 4 { exit 1 } { for (i = 1; i <= 4; i++)
        if ($i !~ /^(0|[1-9][0-9]?[0-9]?)$/ || $i > 255) exit 1 }'
}

# number ADDRESS: sets _number. Not a command substitution: this runs by the hundred.
number() {
    set -- "${1%%.*}" "${1#*.}"
    set -- "$1" "${2%%.*}" "${2#*.}"
    _number=$((($1 << 24) + ($2 << 16) + (${3%%.*} << 8) + ${3#*.}))
}

# within ADDRESS CIDR
within() {
    _bits=${2#*/}
    [ "$_bits" = "$2" ] && _bits=32
    number "$1"
    _this=$_number
    number "${2%/*}"
    [ $(((_this ^ _number) >> (32 - _bits))) -eq 0 ]
}

overlap() {
    _one=${1#*/} _two=${2#*/}
    [ "$_one" = "$1" ] && _one=32
    [ "$_two" = "$2" ] && _two=32
    if [ "$_one" -ge "$_two" ]; then within "${1%/*}" "$2"; else within "${2%/*}" "$1"; fi
}
