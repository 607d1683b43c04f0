"""What the apps of apps/ share: one look, and one way to be served. Imported by apps and their tests alone."""
