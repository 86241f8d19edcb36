"""What lets others reach a container: openings in its groups, floating IPs, forwarded ports."""
