"""Values, and pure functions on them. No files, no processes, no video library."""
