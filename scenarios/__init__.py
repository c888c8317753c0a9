"""The built-in scenarios: one short module for each fault, written to be read as a lesson."""
