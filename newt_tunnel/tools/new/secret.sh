#!/bin/sh
# Prints the secret of the newt in container $1, which Pulumi's own command reads. A flag wins over the variables.
export LC_ALL=C PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
{
    docker container inspect -f '{{range .Args}}{{println .}}{{end}}' "$1" |
        awk 'before { print; exit } /^--?secret$/ { before = 1 } /^--?secret=/ { sub(/^[^=]*=/, ""); print; exit }'
    for variable in NEWT_SECRET SITE_SECRET; do
        docker container inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$1" | sed -n "s/^$variable=//p"
    done
} | grep -m 1 .
