"""Settings, connections, dbt runner, build record, publish and rollback, command line."""
