"""Features as labelled data: Datasets eager and lazy, the matrix, Parquet, and where each of them is from."""
