"""The command line: `kindstore`. One file per command; docs/cli.md describes them all."""
