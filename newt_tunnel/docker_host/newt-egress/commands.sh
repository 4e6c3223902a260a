# --- commands ---------------------------------------------------------------------------------------------------------

usage() {
    cat <<END
usage: newt-egress [--instance NAME] COMMAND
  apply [--from DIR] [--generation TEXT] [--dry-run] load what DIR declares; on any error the old rules stay
  remove [--owner OWNER]                             remove rules, persistence and this program
  status                                             named rules with counters, position of the jumps
  counters                                           the counters alone, tab-separated
  refused                                            what newt was refused lately, tab-separated (docker.logDrops)
  check                                              the state for programs: key=value lines, nothing is changed
  refresh                                            resolve host names again; repair what was flushed
  boot                                               load the last good rules from disk, without any look-up
  gate                                               exit 0 only if newt is confined
  start, hold, release                               start newt; stop it until released
  credentials file|volume NAME                       store newt's credentials from standard input
  follow                                             change the rules whenever a listed container comes or goes
  empty NETWORK                                      take every container off newt's network of services
  expand FILE                                        repeat each line of FILE per address of the host name or container in it
  confirm                                            note that the declaration in force was recorded by its owner
  adopt                                              remove the rules of the blog post's script, once these are in force
status, check, refresh, boot and gate are for every newt of this host; the other commands need a name where there are several
END
}

NAMED=
if [ "${1:-}" = --instance ]; then
    NAMED=${2:-}
    is_instance "$NAMED" || [ "$NAMED" = - ] || fail "--instance: write the name of a newt: $(one_line "$(instances)")"
    shift 2
fi
COMMAND=${1:-}
[ $# -eq 0 ] || shift
[ "$(id -u)" -eq 0 ] || fail "root is needed for the firewall: set docker.user to root, or docker.sudo to true"
case $COMMAND in
    apply) apply "$@" ;;
    status | check | refresh | boot | gate) each "$NAMED" "$COMMAND" "$@" ;;
    remove | start | hold | release | counters | refused | confirm | adopt | credentials | follow | empty) the_one "$NAMED" && "$COMMAND" "$@" ;;
    expand) the_one "$NAMED" && guarded && expand "$CURRENT/resolved" "$1" ;;
    *) usage >&2; exit 2 ;;
esac
