"""`pulumi-resource-command`, as the engine starts it."""

import sys

from tests.standins.command.remote import Command
from tests.standins.server import Provider, serve

serve(Provider("command", "1.2.1", {"command:remote:Command": Command()}), sys.argv[1:])
