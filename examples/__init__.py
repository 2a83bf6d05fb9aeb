"""Applications and scripts to start from."""
