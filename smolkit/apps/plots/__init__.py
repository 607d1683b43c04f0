"""Plots as SVG in HTML, drawn for the apps without a library: curves over steps, and points with labels.

Each has its style beside it, for a page to add to its own. What they know are numbers, texts and pixels.
"""
