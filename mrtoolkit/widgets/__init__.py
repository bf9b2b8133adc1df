"""What is seen of a search while it runs, and of a study afterwards, in a notebook."""

from .view import view as view
