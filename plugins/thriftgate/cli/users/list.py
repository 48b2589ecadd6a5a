"""`thriftgate users list`: list users."""

from thriftgate.cli.keys.parts.owners import list_owners

command = list_owners("user")
