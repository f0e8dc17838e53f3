"""The relaxed interface that the studies of interfaces start from."""
