"""What others see of a request: metrics, and traces on their way to Langfuse."""
