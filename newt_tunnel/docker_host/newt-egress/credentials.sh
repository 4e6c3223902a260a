# --- credentials ------------------------------------------------------------------------------------------------------

# credentials file|volume NAME: makes standard input newt's configuration file. Prints a revision that changes with the
# content and reveals nothing of it. A volume is for provisioning: newt must write there what Pangolin gives it.
credentials() {
    guarded || fail "no rules are in force here: credentials are not stored"
    _newt=$(newt_on_host) || exit 1
    _content=$(cat; echo .)
    _content=${_content%.}
    if [ "$1" = volume ]; then
        _folder=$(folder_of_volume "$2") || exit 1
        trap 'exit 1' HUP INT TERM
        trap 'open_to_newt "$_folder" "$_newt"' EXIT
        close_to_newt "$_folder" || fail "cannot close volume $2 ($_folder) to newt while it is written: nothing was written"
        store_credentials "$_folder" "$_newt" 600 "$_content"
        open_to_newt "$_folder" "$_newt" || fail "cannot open volume $2 to newt again"
    else
        _folder=$(own_folder)
        mkdir -p "$_folder" && chown "root:${_newt#*:}" "$_folder" && chmod 750 "$_folder" ||
            fail "cannot prepare $_folder"
        store_credentials "$_folder" "root:${_newt#*:}" 440 "$_content"
    fi
    say "revision $(head -n 1 "$SEED")"
}

# own_folder: of the file that is mounted read-only into newt's container. No other folder is believed to be it.
own_folder() {
    case $(value "$CURRENT" credentials) in
        "$ROOT/credentials") echo "$ROOT/credentials" ;;
        *) echo "$STATE/credentials" ;;
    esac
}

# stored_credentials: the revision that the next run keeps if it brings what has this salted hash, and whether newt's own
# file is there; in a volume newt may have changed it.
stored_credentials() {
    [ -s "$SEED" ] || return 0
    _file=missing
    [ ! -s "$(own_folder)/config.json" ] || _file="file"
    printf '%s %s %s\n' "$(sed -n 1p "$SEED")" "$(sed -n 2p "$SEED")" "$_file"
}

# folder_of_volume NAME: a plain folder of Docker's own. What options mount appears only while a container uses it.
folder_of_volume() {
    _said=$(docker volume inspect -f '{{.Driver}} {{len .Options}} {{.Mountpoint}}' "$1") ||
        fail "volume $1 does not exist"
    case $_said in
        "local 0 /"*) echo "${_said#local 0 }" ;;
        *) fail "volume $1 has driver options, or another driver than local, so a file that is written here may not reach newt: docker volume rm $1, then pulumi up" ;;
    esac
}

# close_to_newt FOLDER: from here on no name in it changes, whatever newt left there and however it goes on trying: the
# kernel judges every rename and creation by the folder's owner and mode (which is the mask of an access list, too).
close_to_newt() {
    [ -d "$1" ] && [ ! -L "$1" ] && chown 0:0 "$1" && chmod 700 "$1" && [ "$(owner_and_mode "$1")" = "0 drwx------" ]
}

# open_to_newt FOLDER UID:GID
open_to_newt() { chmod 700 "$1" && chown "$2" "$1"; }

# store_credentials FOLDER UID:GID MODE CONTENT: as config.json. Only root may write to FOLDER meanwhile. CONTENT is an
# argument of functions only: other users can list those of a process.
store_credentials() {
    _config=$1/config.json _seed=$SEED
    [ ! -L "$_config" ] || rm -f "$_config" || fail "cannot remove $_config, which is a symbolic link"
    [ ! -d "$_config" ] || fail "$_config is a directory, and must be newt's configuration file: look into it, then remove it"
    [ ! -f "$_config" ] || [ ! -s "$_config" ] || [ "$(sed -n 2p "$_seed" 2>/dev/null)" != "$(salted "$(sed -n 1p "$_seed" 2>/dev/null)" "$4")" ] || return 0
    _new=$(mktemp "$1/.config.XXXXXX") || fail "cannot write credentials (disk full?)"
    _salt=$(head -c 16 /dev/urandom | sha256sum | cut -c 1-16)
    # The seed last: one of other credentials would pass them for those that are stored.
    printf '%s\n%s\n' "$_salt" "$(salted "$_salt" "$4")" >"$_seed.new" && printf '%s' "$4" >"$_new" &&
        chown "$2" "$_new" && chmod "$3" "$_new" && mv -f "$_new" "$_config" && mv -f "$_seed.new" "$_seed" || {
        rm -f "$_new" "$_seed.new"
        fail "cannot write credentials (disk full?)"
    }
}

# salted SALT CONTENT: a digest of CONTENT that cannot be looked up.
salted() { printf '%s\n%s' "$1" "$2" | sha256sum | cut -d ' ' -f 1; }
