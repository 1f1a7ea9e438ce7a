"""REST under ``/api/v1``, health and metrics: thin routes over the services."""
