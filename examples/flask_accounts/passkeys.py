"""Which passkeys are welcome: those of this device as well as security keys; alone only if they know their owner."""

from __future__ import annotations

from flask_security import UserMixin, WebauthnUtil
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)


class AnyPasskey(WebauthnUtil):
    """Flask-Security's choice, but for two things.

    It asks for security keys alone where a passkey is to sign in by itself: a laptop or a phone is as good.  And
    such a passkey asks for a finger, a face or a PIN here, always, since nothing else does; it knows the account's name.
    """

    def authenticator_selection(self, user: UserMixin, usage: str) -> AuthenticatorSelectionCriteria:
        """What a new passkey must be able to do."""
        alone = usage == "first"
        return AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED if alone else ResidentKeyRequirement.PREFERRED,
            user_verification=self.user_verification(user, [usage]),
        )

    def user_verification(self, user: UserMixin | None, usage: list[str]) -> UserVerificationRequirement:  # noqa: ARG002
        """Whether the passkey asks who is there, or only whether there is somebody."""
        if usage == ["first"]:
            return UserVerificationRequirement.REQUIRED
        return UserVerificationRequirement.DISCOURAGED
