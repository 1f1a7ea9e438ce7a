"""From the broker to the engine and the database: session, decoding, bounded queues, ticks."""
