"""What is done behind Docker's back by what it knows: leftovers removed, what a crash interrupted made up for."""
