"""kill -9 at every step: what the driver promises about crashes, proved on the real thing."""
