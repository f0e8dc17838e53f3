"""Steps that several studies share."""
