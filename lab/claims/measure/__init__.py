"""Runs what the claims need, contained, and records every sample; nothing is concluded here."""
