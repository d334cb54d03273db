"""Policies that come with the program, a YAML file each."""
