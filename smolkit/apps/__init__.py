"""What the apps of apps/ share: one look, one way to be served. Imported by apps, `smolkit demo` and tests alone."""
