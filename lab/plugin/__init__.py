"""What the pytest plug-in does once there is a test to hunt; until then none of it is imported."""
