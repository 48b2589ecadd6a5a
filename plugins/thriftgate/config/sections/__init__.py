"""What may stand in a configuration: one closed model per section."""
