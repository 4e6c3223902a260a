"""`pulumi-resource-kubernetes`, as the engine starts it."""

import sys

from tests.standins.kubernetes.provider import Kubernetes
from tests.standins.server import serve

serve(Kubernetes(), sys.argv[1:])
