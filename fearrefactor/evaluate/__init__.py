"""Holding what is masked against data sets in which people have drawn what is there."""
