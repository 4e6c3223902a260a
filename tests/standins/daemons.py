"""How the stand-ins' tests start what must not outlive them."""

#: A run that is interrupted gets no time to end its daemons, so the kernel does (util-linux).
ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
