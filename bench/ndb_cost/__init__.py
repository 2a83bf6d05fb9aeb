"""What an entity costs in `kindstore.ndb` and in google-cloud-ndb: `python -m bench.ndb_cost`."""
