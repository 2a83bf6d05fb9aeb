"""One application of Flask-Security on two databases, under gunicorn, with a load of log-ins and profile edits."""
