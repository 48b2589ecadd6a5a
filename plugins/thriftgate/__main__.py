"""The console script `thriftgate`."""
