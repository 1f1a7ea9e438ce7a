-- How far the local journal of messages is contained in the tables.

-- Written in the transaction of the rows themselves, so that after a crash neither a row is missing nor one there twice.
CREATE TABLE gwanje.journal_checkpoint (
    journal  text PRIMARY KEY,
    position bigint      NOT NULL CHECK (position >= 0),
    updated  timestamptz NOT NULL
);
