"""What the kernels of all parts are made of; no part's own."""
