"""The parts of the extraction app: what it takes, its tabs, and the HTML of its results."""
