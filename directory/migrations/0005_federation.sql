-- Tokens of outside issuers that stand for a user-assigned identity or an application:
-- issuer, subject and audience compare byte for byte.
CREATE TABLE federated_credential (
  id          TEXT PRIMARY KEY,
  client_id   TEXT NOT NULL,
  key         TEXT NOT NULL,
  name        TEXT NOT NULL,
  issuer      TEXT NOT NULL,
  subject     TEXT NOT NULL,
  audiences   TEXT NOT NULL, -- JSON array of strings
  description TEXT NOT NULL,
  created     INTEGER NOT NULL,
  changed     INTEGER NOT NULL,
  UNIQUE (client_id, key),
  UNIQUE (client_id, issuer, subject)
) STRICT;

-- An identity's go with its service principal, an application's with its object.
CREATE TRIGGER federated_identity_gone AFTER DELETE ON principal WHEN OLD.resource IS NOT NULL BEGIN
  DELETE FROM federated_credential WHERE client_id = OLD.client_id;
END;
CREATE TRIGGER federated_application_gone AFTER DELETE ON application BEGIN
  DELETE FROM federated_credential WHERE client_id = OLD.client_id;
END;

-- What people let client programs do in their name. The refresh token itself is not kept,
-- only its SHA-256.
CREATE TABLE refresh_grant (
  digest    BLOB PRIMARY KEY,
  family    TEXT NOT NULL, -- one sign-in
  client_id TEXT NOT NULL,
  user      TEXT NOT NULL REFERENCES user (object_id) ON DELETE CASCADE,
  begun     INTEGER NOT NULL,
  ends      INTEGER NOT NULL,
  used      INTEGER -- when it was traded for the next; null while it was not
) STRICT;
CREATE INDEX refresh_grant_by_family ON refresh_grant (family);
CREATE INDEX refresh_grant_by_user ON refresh_grant (user);
CREATE INDEX refresh_grant_by_end ON refresh_grant (ends);

-- A changed password or a disabled account ends them all.
CREATE TRIGGER user_revokes_grants AFTER UPDATE OF password, enabled, must_change ON user
WHEN OLD.password <> NEW.password OR NEW.enabled = 0 OR NEW.must_change = 1 BEGIN
  DELETE FROM refresh_grant WHERE user = OLD.object_id;
END;
