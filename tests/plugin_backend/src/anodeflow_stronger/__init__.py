"""A backend of another package than anodeflow."""
