"""Our own HTTP endpoints on the proxy, under `/thriftgate/`: for operators, administrators and metrics."""
