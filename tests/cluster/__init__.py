"""Real clusters: Dask, Ray and PostgreSQL, started as processes of this machine."""
