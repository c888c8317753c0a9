"""Presentation: pages and terminal output, made from records and a run directory only.

Nothing here looks at a live run, so every report can be built again later from what was kept.
"""
