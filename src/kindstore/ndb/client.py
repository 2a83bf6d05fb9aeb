"""`ndb.Client`: what all faces have, under the name that NDB has for it (`kindstore.client`)."""

from kindstore.client import DEFAULT_PROJECT, Client, ClientContext, ambient

__all__ = ["DEFAULT_PROJECT", "Client", "ClientContext", "ambient"]
