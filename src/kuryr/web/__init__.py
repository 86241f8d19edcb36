"""What every server of Kuryr's has in common: its sockets, its TLS, its requests' bodies, its process' loop."""
