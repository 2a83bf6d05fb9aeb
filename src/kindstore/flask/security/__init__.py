"""Accounts: Flask-Security on Kindstore, and on the databases that people come from."""
