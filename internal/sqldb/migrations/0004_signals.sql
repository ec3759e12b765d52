-- Shared signals: what is to be told, and to whom.

-- A row for each event, at the number of its entry in the log; the event is JSON
-- that the database never looks into. Written only while there is a stream.
CREATE TABLE sallyport_signals (
  seq   BIGINT NOT NULL PRIMARY KEY,
  id    TEXT NOT NULL,
  at    BIGINT NOT NULL,
  event TEXT NOT NULL
);
CREATE INDEX sallyport_signals_at ON sallyport_signals (at);

-- What a stream is found by has a column, and the rest is JSON. urgent: a notice
-- waits in it.
CREATE TABLE sallyport_streams (
  id            TEXT NOT NULL PRIMARY KEY,
  owner         TEXT NOT NULL,
  method        TEXT NOT NULL,
  status        TEXT NOT NULL,
  cursor_seq    BIGINT NOT NULL,
  urgent        BIGINT NOT NULL,
  retry_at      BIGINT NOT NULL,
  lease         TEXT NOT NULL,
  lease_until   BIGINT NOT NULL,
  authorization_sealed BYTEA NOT NULL,
  rest          TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL
);
CREATE INDEX sallyport_streams_owner ON sallyport_streams (owner, id);
CREATE INDEX sallyport_streams_due ON sallyport_streams (method, retry_at, id);
CREATE INDEX sallyport_streams_cursor ON sallyport_streams (cursor_seq);
-- postgres: ALTER TABLE sallyport_streams SET (fillfactor = 80);
