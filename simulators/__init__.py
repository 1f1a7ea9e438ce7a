"""A coherent world and its devices, speaking only MQTT."""
