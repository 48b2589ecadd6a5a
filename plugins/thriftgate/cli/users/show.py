"""`thriftgate users show`: show what a user may do."""

from thriftgate.cli.keys.parts.owners import show_owner

command = show_owner("user")
