"""`pulumi-resource-docker`, as the engine starts it."""

import sys

from tests.standins.docker.provider import Docker
from tests.standins.server import serve

serve(Docker(), sys.argv[1:])
