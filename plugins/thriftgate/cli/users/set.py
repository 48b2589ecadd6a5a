"""`thriftgate users set`: change what a user may do, or block it."""

from thriftgate.cli.keys.parts.owners import change_owner

command = change_owner("user")
