"""Corner shop: a small service with four connection pools, as such services are written."""
