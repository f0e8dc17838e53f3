"""Workflows: one file a study. They name no code; they are given Makers."""
