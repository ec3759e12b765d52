-- What other programs may ask for on somebody's behalf.

-- Clients are read as a whole: the document is one as JSON, with the hashes of its
-- secrets. alg is what its ID tokens are signed with.
CREATE TABLE sallyport_oauth_clients (
  id         TEXT NOT NULL PRIMARY KEY,
  alg        TEXT NOT NULL,
  document   TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX sallyport_oauth_clients_alg ON sallyport_oauth_clients (alg);

-- What somebody has let a client do, once: what its code and its tokens have in
-- common. data is JSON of what nobody looks for. A code stays when it is redeemed, so
-- that its second use is noticed; an empty hash is no code. A grant that ends is gone.
CREATE TABLE sallyport_oauth_grants (
  id          TEXT NOT NULL PRIMARY KEY,
  user_id     TEXT NOT NULL,
  client_id   TEXT NOT NULL,
  session_id  TEXT NOT NULL,
  org_id      TEXT NOT NULL,
  data        TEXT NOT NULL,
  code_hash   BYTEA NOT NULL,
  code_until  BIGINT NOT NULL,
  redeemed_at BIGINT NOT NULL,
  log_id      TEXT NOT NULL,
  log_seq     BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL
);
-- An empty BYTEA is not '' on SQLite, but its length is 0 everywhere.
CREATE UNIQUE INDEX sallyport_oauth_grants_code ON sallyport_oauth_grants (code_hash) WHERE length(code_hash) > 0;
CREATE INDEX sallyport_oauth_grants_user ON sallyport_oauth_grants (user_id, client_id);
CREATE INDEX sallyport_oauth_grants_expires ON sallyport_oauth_grants (expires_at);
-- postgres: ALTER TABLE sallyport_oauth_grants SET (fillfactor = 80);

-- What somebody has let a client do from now on, without being asked again.
CREATE TABLE sallyport_oauth_consents (
  user_id    TEXT NOT NULL,
  client_id  TEXT NOT NULL,
  scope      TEXT NOT NULL,
  resources  TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, client_id)
);

-- Requests of devices on which nobody can type. Of the short code that people type
-- the row has an HMAC, so that the database alone does not give it away.
CREATE TABLE sallyport_oauth_device_codes (
  id          TEXT NOT NULL PRIMARY KEY,
  code_hash   BYTEA NOT NULL,
  user_mac    BYTEA NOT NULL,
  client_id   TEXT NOT NULL,
  scope       TEXT NOT NULL,
  resources   TEXT NOT NULL,
  address     TEXT NOT NULL,
  agent       TEXT NOT NULL,
  state       TEXT NOT NULL,
  grant_id    TEXT NOT NULL,
  interval_ms BIGINT NOT NULL,
  polled_at   BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_oauth_device_codes_code ON sallyport_oauth_device_codes (code_hash);
CREATE UNIQUE INDEX sallyport_oauth_device_codes_user ON sallyport_oauth_device_codes (user_mac);
CREATE INDEX sallyport_oauth_device_codes_expires ON sallyport_oauth_device_codes (expires_at);
-- postgres: ALTER TABLE sallyport_oauth_device_codes SET (fillfactor = 70);
