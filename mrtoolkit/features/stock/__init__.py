"""Taking stock of a store: what is there, what may go, and whether all is whole."""
