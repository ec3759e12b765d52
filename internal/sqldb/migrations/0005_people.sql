-- Every way to prove who one is, and the messages for it.

ALTER TABLE sallyport_users ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE sallyport_users ADD COLUMN locale TEXT NOT NULL DEFAULT '';
ALTER TABLE sallyport_users ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE sallyport_users ADD COLUMN phone_verified BIGINT NOT NULL DEFAULT 0;
-- When the account will be deleted; 0 = it will not.
ALTER TABLE sallyport_users ADD COLUMN delete_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sallyport_users_delete ON sallyport_users (delete_at) WHERE delete_at > 0;

-- What works once: links and codes of messages, tickets between two steps. Of a
-- short code the column has an HMAC, so that the database alone does not give it away.
CREATE TABLE sallyport_one_time_tokens (
  id         TEXT NOT NULL PRIMARY KEY,
  token_hash BYTEA NOT NULL,
  code_mac   BYTEA NOT NULL,
  user_id    TEXT NOT NULL,
  purpose    TEXT NOT NULL,
  target     TEXT NOT NULL,
  data       TEXT NOT NULL,
  log_id     TEXT NOT NULL,
  log_seq    BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_one_time_tokens_hash ON sallyport_one_time_tokens (token_hash);
CREATE INDEX sallyport_one_time_tokens_user ON sallyport_one_time_tokens (user_id, purpose, id);
CREATE INDEX sallyport_one_time_tokens_expires ON sallyport_one_time_tokens (expires_at);

-- Messages, written in the transaction of what they tell of. What they say and to
-- whom is sealed: it may hold a link. Who sends one moves due_at to the end of
-- their lease. A row stays for a while after expires_at, without what it said.
CREATE TABLE sallyport_outbox (
  id         TEXT NOT NULL PRIMARY KEY,
  channel    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  sealed     BYTEA NOT NULL,
  attempts   BIGINT NOT NULL,
  due_at     BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  done_at    BIGINT NOT NULL,
  problem    TEXT NOT NULL
);
CREATE INDEX sallyport_outbox_due ON sallyport_outbox (channel, due_at, id) WHERE done_at = 0;
CREATE INDEX sallyport_outbox_waiting ON sallyport_outbox (id) WHERE done_at = 0;
CREATE INDEX sallyport_outbox_expires ON sallyport_outbox (expires_at);
-- postgres: ALTER TABLE sallyport_outbox SET (fillfactor = 70);

-- A factor waits for its first good code until it is confirmed. last_step is that of
-- the code that was used last; it only grows, so that a code is good once.
CREATE TABLE sallyport_factors (
  id           TEXT NOT NULL PRIMARY KEY,
  user_id      TEXT NOT NULL,
  kind         TEXT NOT NULL,
  key_sealed   BYTEA NOT NULL,
  last_step    BIGINT NOT NULL,
  confirmed_at BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE INDEX sallyport_factors_user ON sallyport_factors (user_id, id);
CREATE UNIQUE INDEX sallyport_factors_confirmed ON sallyport_factors (user_id, kind) WHERE confirmed_at > 0;
CREATE INDEX sallyport_factors_waiting ON sallyport_factors (created_at) WHERE confirmed_at = 0;
-- postgres: ALTER TABLE sallyport_factors SET (fillfactor = 80);

-- Of a code the row has an HMAC, so that the database alone does not give it away.
CREATE TABLE sallyport_recovery_codes (
  user_id  TEXT NOT NULL,
  code_mac BYTEA NOT NULL,
  used_at  BIGINT NOT NULL,
  PRIMARY KEY (user_id, code_mac)
);

CREATE TABLE sallyport_passkeys (
  id              TEXT NOT NULL PRIMARY KEY,
  user_id         TEXT NOT NULL,
  user_handle     BYTEA NOT NULL,
  credential_id   BYTEA NOT NULL,
  public_key      BYTEA NOT NULL,
  sign_count      BIGINT NOT NULL,
  aaguid          BYTEA NOT NULL,
  transports      TEXT NOT NULL,
  backup_eligible BIGINT NOT NULL,
  backup_state    BIGINT NOT NULL,
  name            TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  last_used_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_passkeys_credential ON sallyport_passkeys (credential_id);
CREATE INDEX sallyport_passkeys_user ON sallyport_passkeys (user_id, id);
-- postgres: ALTER TABLE sallyport_passkeys SET (fillfactor = 80);

-- Sign-ins with others. Whose it is says (issuer, subject), never the address.
CREATE TABLE sallyport_identities (
  id           TEXT NOT NULL PRIMARY KEY,
  user_id      TEXT NOT NULL,
  provider     TEXT NOT NULL,
  issuer       TEXT NOT NULL,
  subject      TEXT NOT NULL,
  email        TEXT NOT NULL,
  name         TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_identities_subject ON sallyport_identities (issuer, subject);
CREATE INDEX sallyport_identities_user ON sallyport_identities (user_id, id);

-- Answers of providers that were used, by the hash of their state: each counts once.
CREATE TABLE sallyport_spent_answers (
  state_hash BYTEA NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sallyport_spent_answers_expires ON sallyport_spent_answers (expires_at);

CREATE TABLE sallyport_client_certificates (
  id           TEXT NOT NULL PRIMARY KEY,
  user_id      TEXT NOT NULL,
  kind         TEXT NOT NULL,
  value        TEXT NOT NULL,
  name         TEXT NOT NULL,
  service      BIGINT NOT NULL,
  not_after    BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_client_certificates_value ON sallyport_client_certificates (kind, value);
CREATE INDEX sallyport_client_certificates_user ON sallyport_client_certificates (user_id, id);
CREATE INDEX sallyport_client_certificates_expires ON sallyport_client_certificates (not_after) WHERE not_after > 0;
-- postgres: ALTER TABLE sallyport_client_certificates SET (fillfactor = 80);

-- Browsers that somebody signed in from before.
CREATE TABLE sallyport_devices (
  id            TEXT NOT NULL PRIMARY KEY,
  token_hash    BYTEA NOT NULL,
  user_id       TEXT NOT NULL,
  user_agent    TEXT NOT NULL,
  address       TEXT NOT NULL,
  trusted_until BIGINT NOT NULL,
  log_id        TEXT NOT NULL,
  log_seq       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  last_seen_at  BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_devices_token ON sallyport_devices (token_hash, user_id);
CREATE INDEX sallyport_devices_user ON sallyport_devices (user_id, last_seen_at, id);
-- postgres: ALTER TABLE sallyport_devices SET (fillfactor = 80);
CREATE INDEX sallyport_devices_expires ON sallyport_devices (expires_at);

-- How far imports of users have come, written in the transaction of what they count.
CREATE TABLE sallyport_imports (
  id          TEXT NOT NULL PRIMARY KEY,
  source      TEXT NOT NULL,
  format      TEXT NOT NULL,
  entries     BIGINT NOT NULL,
  digest      BYTEA NOT NULL,
  report      TEXT NOT NULL,
  started_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  finished_at BIGINT NOT NULL
);
CREATE INDEX sallyport_imports_updated ON sallyport_imports (updated_at);

-- When the password turned out to be known from a breach; 0 = it did not.
ALTER TABLE sallyport_credentials ADD COLUMN breached_at BIGINT NOT NULL DEFAULT 0;
