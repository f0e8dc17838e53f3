"""What studies are made on: the surfaces and interfaces of a campaign, each with the backend that computes it."""
