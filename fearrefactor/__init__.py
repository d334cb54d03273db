"""Fear ReFactor: a distributed batch job that masks what people must not see in videos."""

__version__ = "0.1.0"
