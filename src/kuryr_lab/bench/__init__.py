"""`make bench`: how fast Kuryr is beside Docker's own bridge and beside kuryr-libnetwork, in one run."""
