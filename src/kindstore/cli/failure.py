"""The one way a command says that it could not do its work at all (exit status 2)."""


class CannotStart(Exception):
    """A command's preconditions do not hold; the text says which and what to do about it."""


def missing_extra(package: str) -> CannotStart:
    """Say that *package*, of the extra "demo", is not installed, and how to install it."""
    return CannotStart(
        f"the demo needs the package {package}, which is not installed here.\n"
        "It comes with the extra 'demo':  pip install 'kindstore[demo]'"
    )
