"""The database: opens it (store), keeps the embedded server running (embedded, supervisor), reads it (query)."""
