"""smolkit takes a small language model from training to a running deployment."""

__version__ = "0.1.0"
