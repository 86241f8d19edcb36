"""The `kuryr` command, one module per group of sub-commands."""
