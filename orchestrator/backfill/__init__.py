"""The batch loop: visits a table in ranges of heap blocks, at a pace that the application does not feel."""
