"""`thriftgate users create`: make a user."""

from thriftgate.cli.keys.parts.owners import create_owner

command = create_owner("user")
