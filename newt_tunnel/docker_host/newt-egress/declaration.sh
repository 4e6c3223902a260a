# --- the declaration: key=value lines, a key may repeat ---------------------------------------------------------------

values() { sed -n "s/^$2=//p" "$1/declaration"; }
value() { sed -n "/^$2=/{s///p;q;}" "$1/declaration"; }
record() { [ -f "$CURRENT/record" ] && sed -n "s/^$1=//p" "$CURRENT/record"; }
digest() { cat "$1/newt-egress" "$1/declaration" "$1"/rules* | sha256sum | cut -d ' ' -f 1; }
loadable() { cat "$1/declaration" "$1"/load* | sha256sum | cut -d ' ' -f 1; }

# owner_and_mode FOLDER: "0 drwx------". An access list adds a sign, which is cut off.
# shellcheck disable=SC2012 # busybox need not have stat, nor find -printf
owner_and_mode() { ls -ldnL "$1" 2>/dev/null | awk '{ print $3, substr($1, 1, 10) }'; }
# is_roots FOLDER: only root may write there. Other users who may would choose what root overwrites.
is_roots() { case $(owner_and_mode "$1") in "0 "????????w?) return 1 ;; "0 d"*) ;; *) return 1 ;; esac }

# write_record GENERATION. The shell's printf fails on a full disk; busybox's sha256sum, cut and awk do not.
write_record() {
    printf 'hash=%s\ngeneration=%s\nloadable=%s\n' "$(digest "$NEXT")" "$1" "$(loadable "$NEXT")" >"$NEXT/record"
}

# of_another DIR OWNER: a damaged declaration that names no owner belongs to no stack, so that it can be repaired.
of_another() {
    _owner=$(value "$1" owner 2>/dev/null)
    [ -n "$_owner" ] && [ "$_owner" != "$2" ]
}
