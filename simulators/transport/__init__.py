"""Devices' messages over MQTT: connections that come back, and what waits while they are away."""
