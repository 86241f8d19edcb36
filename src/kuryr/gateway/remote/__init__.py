"""The cloud's side from afar: for a machine that holds no credentials, through a gateway service that does."""
