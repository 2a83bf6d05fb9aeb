"""The version of this library: pyproject.toml has the same one."""

from typing import Final

__version__: Final = "0.1.0"
