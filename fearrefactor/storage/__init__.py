"""Where bytes and rows are kept: buckets, folders, Parquet, manifests."""
