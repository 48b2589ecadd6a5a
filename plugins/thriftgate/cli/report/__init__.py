"""`thriftgate report`: what the gateway cost and saved."""
