"""`thriftgate teams show`: show what a team may do."""

from thriftgate.cli.keys.parts.owners import show_owner

command = show_owner("team")
