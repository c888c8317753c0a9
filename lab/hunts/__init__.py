"""Hunts as wholes: a test asked, its answer judged and kept, in this process or a contained one.

The engine room is :mod:`lab.hunt`; here is what surrounds a search so that its answer can be
trusted and found again.
"""
