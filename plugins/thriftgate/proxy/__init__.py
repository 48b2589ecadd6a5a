"""The edge: the only folder that imports litellm."""
