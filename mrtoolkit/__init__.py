"""mrtoolkit: each indicator is computed once, the search zooms level by level."""
