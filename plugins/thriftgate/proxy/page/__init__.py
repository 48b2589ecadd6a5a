"""The live page at `/thriftgate`: what the gateway does and saves, for operators with a browser."""
