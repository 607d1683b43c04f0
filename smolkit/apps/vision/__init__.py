"""The parts of the vision app: pages and endpoints that read images."""
