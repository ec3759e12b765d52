-- Organizations, who is in them, and who is asked to join.

ALTER TABLE sallyport_users ADD COLUMN plan TEXT NOT NULL DEFAULT '';

CREATE TABLE sallyport_organizations (
  id         TEXT NOT NULL PRIMARY KEY,
  slug       TEXT NOT NULL,
  name       TEXT NOT NULL,
  plan       TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_organizations_slug ON sallyport_organizations (slug);
-- postgres: ALTER TABLE sallyport_organizations SET (fillfactor = 80);

CREATE TABLE sallyport_members (
  org_id    TEXT NOT NULL REFERENCES sallyport_organizations (id) ON DELETE CASCADE,
  user_id   TEXT NOT NULL,
  status    TEXT NOT NULL,
  joined_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX sallyport_members_user ON sallyport_members (user_id, org_id);

CREATE TABLE sallyport_invitations (
  id         TEXT NOT NULL PRIMARY KEY,
  token_hash BYTEA NOT NULL,
  org_id     TEXT NOT NULL REFERENCES sallyport_organizations (id) ON DELETE CASCADE,
  email_norm TEXT NOT NULL,
  role       TEXT NOT NULL,
  invited_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sallyport_invitations_token ON sallyport_invitations (token_hash);
-- An address has one invitation to an organization: what replaces it ends it.
CREATE UNIQUE INDEX sallyport_invitations_email ON sallyport_invitations (org_id, email_norm);
CREATE INDEX sallyport_invitations_org ON sallyport_invitations (org_id, id);
CREATE INDEX sallyport_invitations_expires ON sallyport_invitations (expires_at);

-- To take away all roles in an organization that is deleted.
CREATE INDEX sallyport_role_assignments_org ON sallyport_role_assignments (org_id, role) WHERE org_id <> '';
