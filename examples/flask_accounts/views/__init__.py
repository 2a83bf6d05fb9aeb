"""The pages that are not Flask-Security's own."""
