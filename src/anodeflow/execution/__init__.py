"""Execution: runs flows here, keeps the state of campaigns, shows progress. It knows documents, not physics."""
