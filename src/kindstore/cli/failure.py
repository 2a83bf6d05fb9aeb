"""The one way a command says that it could not do its work at all (exit status 2)."""


class CannotStart(Exception):
    """A command's preconditions do not hold; the text says which and what to do about it."""


def missing_extra(package: str, what: str = "the demo", extra: str = "demo") -> CannotStart:
    """Say that *package*, which *what* needs and *extra* brings, is not installed, and how to install it."""
    return CannotStart(
        f"{what} needs the package {package}, which is not installed here.\n"
        f"It comes with the extra '{extra}':  pip install 'kindstore[{extra}]'"
    )
