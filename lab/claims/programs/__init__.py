"""Programs that are run for a claim and teach no lesson of their own; standard library only."""
