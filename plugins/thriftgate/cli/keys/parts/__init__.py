"""What the commands over keys, teams and users share: the opened database, options, and how it is printed."""
