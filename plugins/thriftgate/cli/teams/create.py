"""`thriftgate teams create`: make a team."""

from thriftgate.cli.keys.parts.owners import create_owner

command = create_owner("team")
