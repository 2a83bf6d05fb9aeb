"""A store made of programs: catalog, index maintenance, planning, commit.  No driver, no socket, no clock of its own."""
