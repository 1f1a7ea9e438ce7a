-- Signs that were sent a message and have not answered are asked again: they have to be found among all that is sent.
CREATE INDEX outbox_unanswered ON gwanje.outbox (id) WHERE state = 'sent' AND channel = 'sign';
