"""What can happen to a Docker host around newt's cage."""
