"""Diagnostic tools applied to the target from outside, each with a deadline; none fails a run."""
