"""Where queues begin and end between the stations, where they will be, and where they come again and again."""
