"""Kindstore in Flask: models, log-in, accounts, forms, an admin screen, sessions and a cache."""
