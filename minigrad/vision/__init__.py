"""Image data: the digits that ship with the package, and readers for files that people already have."""
