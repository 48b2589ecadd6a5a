"""`thriftgate teams set`: change what a team may do, or block it."""

from thriftgate.cli.keys.parts.owners import change_owner

command = change_owner("team")
