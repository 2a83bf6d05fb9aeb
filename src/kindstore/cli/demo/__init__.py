"""`kindstore demo`: the library at work on real data, every result checked.

Exit status 0 only if every result was right; 1 if one was not; 2 if the demo could not start.
"""

from kindstore.cli.demo.command import add_to

__all__ = ["add_to"]
