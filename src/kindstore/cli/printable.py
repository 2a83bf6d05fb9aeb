"""Text of others on a terminal."""


def printable(text: str) -> str:
    """*text* with escapes for the characters that a terminal would obey instead of showing them."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
