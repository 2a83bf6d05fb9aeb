"""What programs call: a token in the header ``Authentication-Token``, JSON in and out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask_security import auth_required, current_user

from ..models import user_datastore

api = Blueprint("api", __name__, url_prefix="/api")


@api.get("/me")
@auth_required("token", "session")
def me() -> dict[str, Any]:
    """Who the token belongs to."""
    return {
        "email": current_user.email,
        "username": current_user.username,
        "roles": sorted(role.name for role in current_user.roles),
        "permissions": current_user.permissions(),
        "two_factor": current_user.tf_primary_method,
    }


@api.post("/revoke")
@auth_required("token", "session")
def revoke() -> dict[str, Any]:
    """Let all tokens of the account be valid no more; sessions go on."""
    user_datastore.set_token_uniquifier(current_user)
    user_datastore.refresh_tracker_reset(current_user)
    return {"revoked": True}
