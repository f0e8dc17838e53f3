"""A campaign: what its file may say, its check, its plan and its flow."""
