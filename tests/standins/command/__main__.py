"""`pulumi-resource-command`, as the engine starts it."""

import sys

from tests.standins.server import serve

serve(sys.argv[1:])
