"""PostgreSQL: migrations, binary COPY, repositories and queries; the live view in memory."""
