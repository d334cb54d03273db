"""Commands: each reads the command line and the environment once, builds values, calls down."""
