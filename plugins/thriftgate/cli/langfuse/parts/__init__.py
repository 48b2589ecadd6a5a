"""What Langfuse's commands share: looks at its state."""
