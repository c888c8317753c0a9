"""Measurements, each a module with ``main(arguments)``; ``nox -s benchmarks -- NAME`` runs one."""
