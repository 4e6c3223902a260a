#!/bin/sh
# the_post.sh NEWT PANGOLIN HOST:PORT:PROTOCOL ...
#
# What the blog post's script does, written anew as the baseline of the benchmarks: a chain of its
# own behind DOCKER-USER, for packets from newt's address alone, flushed and filled rule by rule.
set -eu
newt=$1 pangolin=$2
shift 2

iptables -N NEWT-EGRESS 2>/dev/null || iptables -F NEWT-EGRESS
iptables -C DOCKER-USER -s "$newt" -j NEWT-EGRESS 2>/dev/null ||
    iptables -I DOCKER-USER -s "$newt" -j NEWT-EGRESS
iptables -A NEWT-EGRESS -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
iptables -A NEWT-EGRESS -p udp --dport 53 -j RETURN
iptables -A NEWT-EGRESS -p tcp --dport 53 -j RETURN
iptables -A NEWT-EGRESS -d "$pangolin" -j RETURN
for target; do
    host=${target%%:*} rest=${target#*:}
    iptables -A NEWT-EGRESS -d "$host" -p "${rest#*:}" --dport "${rest%:*}" -j RETURN
done
iptables -A NEWT-EGRESS -j DROP
