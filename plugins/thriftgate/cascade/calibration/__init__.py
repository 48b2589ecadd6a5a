"""From labelled answers to an artefact that keeps a promise. What serves never imports it."""
