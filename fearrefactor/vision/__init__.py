"""Models: where they come from, and how a picture becomes instances."""
