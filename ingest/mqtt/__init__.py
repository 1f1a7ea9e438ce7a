"""MQTT 3.1.1: a sans-I/O codec, the bounded consumer session and the embedded broker."""
