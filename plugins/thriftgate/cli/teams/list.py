"""`thriftgate teams list`: list teams."""

from thriftgate.cli.keys.parts.owners import list_owners

command = list_owners("team")
