-- Which clients know of a session, because they got an ID token in it: they are told
-- when it ends. The row goes when they are.
CREATE TABLE sallyport_oauth_introductions (
  session_id TEXT NOT NULL,
  client_id  TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (session_id, client_id)
);
CREATE INDEX sallyport_oauth_introductions_expires ON sallyport_oauth_introductions (expires_at);

-- What lets programs register themselves as clients. The row has a hash of the token.
CREATE TABLE sallyport_oauth_initial_tokens (
  id         TEXT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  token_hash BYTEA NOT NULL,
  scopes     TEXT NOT NULL,
  uses       BIGINT NOT NULL,
  made_by    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_oauth_initial_tokens_token ON sallyport_oauth_initial_tokens (token_hash);
CREATE INDEX sallyport_oauth_initial_tokens_expires ON sallyport_oauth_initial_tokens (expires_at);
