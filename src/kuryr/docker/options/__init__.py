"""What a user may say to Docker for Kuryr, and what it means. Texts become values here; nothing is done about them."""
