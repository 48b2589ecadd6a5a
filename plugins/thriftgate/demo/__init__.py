"""An offline provider and a support workload, to try the gateway without a key."""
