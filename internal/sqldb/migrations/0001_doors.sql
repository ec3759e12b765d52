-- The portable dialect of both databases: text is compared byte by byte, times
-- are BIGINT milliseconds and 0 is none, booleans are 0 or 1, lists and maps are
-- JSON that the database never looks into. Lines that begin with "-- postgres:"
-- run on PostgreSQL only; fillfactor leaves room on the page for the next
-- version of a row, so that changing it touches no index.

CREATE TABLE sallyport_schema_version (
  version    BIGINT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  applied_at BIGINT NOT NULL
);

-- One row. Whoever appends to the log holds it until commit: that makes the
-- order of seq the order of commits.
CREATE TABLE sallyport_log_head (
  one    BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  log_id TEXT NOT NULL,
  seq    BIGINT NOT NULL,
  floor  BIGINT NOT NULL
);
-- postgres: ALTER TABLE sallyport_log_head SET (fillfactor = 10);

CREATE TABLE sallyport_revocation (
  seq        BIGINT NOT NULL PRIMARY KEY,
  effect     TEXT NOT NULL,
  kind       TEXT NOT NULL,
  id         TEXT NOT NULL,
  org_id     TEXT NOT NULL,
  nonce      TEXT NOT NULL,
  overlay    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sallyport_revocation_expires ON sallyport_revocation (expires_at);

CREATE TABLE sallyport_secrets (
  name  TEXT NOT NULL PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE sallyport_users (
  id             TEXT NOT NULL PRIMARY KEY,
  username       TEXT NOT NULL,
  username_norm  TEXT NOT NULL,
  email          TEXT NOT NULL,
  email_norm     TEXT NOT NULL,
  email_verified BIGINT NOT NULL,
  status         TEXT NOT NULL,
  killed_seq     BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_users_username ON sallyport_users (username_norm) WHERE username_norm <> '';
-- An address that was not proved neither blocks its owner nor reveals them.
CREATE UNIQUE INDEX sallyport_users_verified ON sallyport_users (email_norm) WHERE email_verified = 1 AND email_norm <> '';
CREATE INDEX sallyport_users_email ON sallyport_users (email_norm) WHERE email_norm <> '';
CREATE INDEX sallyport_users_status ON sallyport_users (status, id);
-- postgres: ALTER TABLE sallyport_users SET (fillfactor = 90);

CREATE TABLE sallyport_credentials (
  user_id    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  secret     TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, kind)
);

CREATE TABLE sallyport_sessions (
  id              TEXT NOT NULL PRIMARY KEY,
  token_hash      BYTEA NOT NULL,
  user_id         TEXT NOT NULL,
  org_id          TEXT NOT NULL,
  aal             BIGINT NOT NULL,
  amr             TEXT NOT NULL,
  auth_time       BIGINT NOT NULL,
  log_id          TEXT NOT NULL,
  log_seq         BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  last_seen_at    BIGINT NOT NULL,
  idle_expires_at BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  address         TEXT NOT NULL,
  user_agent      TEXT NOT NULL
);
CREATE UNIQUE INDEX sallyport_sessions_token ON sallyport_sessions (token_hash);
CREATE INDEX sallyport_sessions_user ON sallyport_sessions (user_id);
CREATE INDEX sallyport_sessions_expires ON sallyport_sessions (expires_at);
-- postgres: ALTER TABLE sallyport_sessions SET (fillfactor = 80);

CREATE TABLE sallyport_refresh_families (
  id            TEXT NOT NULL PRIMARY KEY,
  session_id    TEXT NOT NULL,
  grant_id      TEXT NOT NULL,
  user_id       TEXT NOT NULL,
  client_id     TEXT NOT NULL,
  proof         TEXT NOT NULL,
  scope         TEXT NOT NULL,
  key_version   BIGINT NOT NULL,
  counter       BIGINT NOT NULL,
  parent        BIGINT NOT NULL,
  ahead         BIGINT NOT NULL,
  log_id        TEXT NOT NULL,
  log_seq       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  rotated_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  revoked_at    BIGINT NOT NULL,
  revoke_reason TEXT NOT NULL
);
CREATE INDEX sallyport_refresh_families_session ON sallyport_refresh_families (session_id) WHERE session_id <> '';
CREATE INDEX sallyport_refresh_families_grant ON sallyport_refresh_families (grant_id) WHERE grant_id <> '';
CREATE INDEX sallyport_refresh_families_user ON sallyport_refresh_families (user_id);
CREATE INDEX sallyport_refresh_families_expires ON sallyport_refresh_families (expires_at);
-- postgres: ALTER TABLE sallyport_refresh_families SET (fillfactor = 80);

CREATE TABLE sallyport_api_keys (
  id           TEXT NOT NULL PRIMARY KEY,
  key_hash     BYTEA NOT NULL,
  owner_id     TEXT NOT NULL,
  org_id       TEXT NOT NULL,
  name         TEXT NOT NULL,
  scopes       TEXT NOT NULL,
  last4        TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE INDEX sallyport_api_keys_owner ON sallyport_api_keys (owner_id);
CREATE INDEX sallyport_api_keys_expires ON sallyport_api_keys (expires_at) WHERE expires_at > 0;
-- postgres: ALTER TABLE sallyport_api_keys SET (fillfactor = 80);

-- Definitions are read as a whole into a snapshot, never searched: their lists are JSON.
CREATE TABLE sallyport_roles (
  name        TEXT NOT NULL PRIMARY KEY,
  permissions TEXT NOT NULL,
  inherits    TEXT NOT NULL
);
-- postgres: ALTER TABLE sallyport_roles SET (fillfactor = 80);

CREATE TABLE sallyport_role_assignments (
  subject TEXT NOT NULL,
  org_id  TEXT NOT NULL,
  role    TEXT NOT NULL REFERENCES sallyport_roles (name) ON DELETE CASCADE,
  PRIMARY KEY (subject, org_id, role)
);
CREATE INDEX sallyport_role_assignments_role ON sallyport_role_assignments (role, org_id, subject);

CREATE TABLE sallyport_signing_keys (
  kid            TEXT NOT NULL PRIMARY KEY,
  alg            TEXT NOT NULL,
  key_use        TEXT NOT NULL,
  resource       TEXT NOT NULL,
  private_sealed BYTEA NOT NULL,
  public_jwk     TEXT NOT NULL,
  state          TEXT NOT NULL,
  not_before     BIGINT NOT NULL,
  retire_at      BIGINT NOT NULL,
  created_at     BIGINT NOT NULL
);

-- Keyset by id, which is ordered by time. The hashes are filled in later, by a
-- sealer that chains committed rows.
CREATE TABLE sallyport_audit_log (
  id        TEXT NOT NULL PRIMARY KEY,
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  action    TEXT NOT NULL,
  target    TEXT NOT NULL,
  org_id    TEXT NOT NULL,
  address   TEXT NOT NULL,
  trace_id  TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  detail    TEXT NOT NULL,
  prev_hash BYTEA,
  hash      BYTEA
);
CREATE INDEX sallyport_audit_log_actor ON sallyport_audit_log (actor, id);
CREATE INDEX sallyport_audit_log_action ON sallyport_audit_log (action, id);
CREATE INDEX sallyport_audit_log_target ON sallyport_audit_log (target, id);

CREATE TABLE sallyport_login_failures (
  key          BYTEA NOT NULL PRIMARY KEY,
  failures     BIGINT NOT NULL,
  first_at     BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX sallyport_login_failures_expires ON sallyport_login_failures (expires_at);
-- postgres: ALTER TABLE sallyport_login_failures SET (fillfactor = 80);
