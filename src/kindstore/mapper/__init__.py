"""Models: typed properties, schemas, queries, contexts and transactions, over any store; no face of their own."""
