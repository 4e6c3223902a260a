#!/bin/sh
# The clang that Cilium compiles its part in the kernel with: newer than Cilium expects, so that what
# it warns of must not count as an error.
exec clang-19 "$@" -Wno-error
