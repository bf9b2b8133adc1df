"""Arrays to numbers, no labels: what search and validation both need."""
