"""What passes between Docker and Kuryr: Docker's messages, and what Kuryr says of itself."""
