"""A summary of a run, posted to a URL."""
