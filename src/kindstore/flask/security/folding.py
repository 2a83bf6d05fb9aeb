"""One spelling for all spellings: how names and addresses are compared where case does not count."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from kindstore.mapper.computed import ComputedProperty


def fold(text: str) -> str:
    """*text* as it is compared: Unicode's canonical caseless form (definition D145), so that "Ada" and "ADA" are one.

    Letters that only look alike stay different, as "Ⅰ" (a Roman numeral) and "I": whoever wants them to be one
    normalizes what is typed in, as Flask-Security does by default.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())


class FoldedProperty(ComputedProperty[str | None]):
    """The folded copy of the text property *of*, kept by every put: for look-ups in any spelling.

    ``unique=True``: no two entities have the same text in two spellings.  None where the text is None or "".
    """

    _options = ("of",)

    if TYPE_CHECKING:

        def __init__(self, of: str, name: str | None = None, *, unique: bool | None = None) -> None: ...

    else:

        def __init__(self, of, name=None, *, unique=None, **options):
            def folded(entity: Any) -> str | None:
                text = getattr(entity, of)
                return fold(text) if text else None

            super().__init__(folded, name, unique=unique, **options)
            self._of = of

    _of: str = ""

    @property
    def of(self) -> str:
        """The code name of the property that it is the copy of."""
        return self._of
