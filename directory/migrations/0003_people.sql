-- People, security groups and application objects. What is kept in "body" is a JSON
-- object of what a client sent and midas has no word for.

CREATE TABLE user (
  object_id     TEXT PRIMARY KEY,
  upn_key       TEXT NOT NULL UNIQUE,
  upn           TEXT NOT NULL,
  key           TEXT NOT NULL, -- of the display name, which need not be unique
  name          TEXT NOT NULL,
  given_name    TEXT NOT NULL,
  surname       TEXT NOT NULL,
  mail          TEXT NOT NULL,
  mail_nickname TEXT NOT NULL,
  guest         INTEGER NOT NULL,
  enabled       INTEGER NOT NULL,
  must_change   INTEGER NOT NULL, -- the password is good for nothing but to be changed
  password      TEXT NOT NULL,    -- a salted hash with its parameters; '' when there is none
  body          TEXT NOT NULL,
  created       INTEGER NOT NULL,
  changed       INTEGER NOT NULL
) STRICT;
CREATE INDEX user_by_key ON user (key, object_id);
CREATE INDEX user_by_mail ON user (mail COLLATE NOCASE);

CREATE TABLE security_group (
  object_id     TEXT PRIMARY KEY,
  key           TEXT NOT NULL,
  name          TEXT NOT NULL,
  mail_nickname TEXT NOT NULL,
  description   TEXT NOT NULL,
  body          TEXT NOT NULL,
  created       INTEGER NOT NULL,
  changed       INTEGER NOT NULL
) STRICT;
CREATE INDEX security_group_by_key ON security_group (key, object_id);

-- Members are users, groups and service principals, so there is no table to refer to;
-- the triggers below take the place of a foreign key.
CREATE TABLE membership (
  security_group TEXT NOT NULL REFERENCES security_group (object_id) ON DELETE CASCADE,
  member         TEXT NOT NULL,
  PRIMARY KEY (security_group, member)
) STRICT;
CREATE INDEX membership_by_member ON membership (member);

-- Who may answer for a group, an application or a service principal.
CREATE TABLE ownership (
  owned TEXT NOT NULL,
  owner TEXT NOT NULL,
  PRIMARY KEY (owned, owner)
) STRICT;
CREATE INDEX ownership_by_owner ON ownership (owner);

-- An application object is what a developer registers. Who signs in is its service
-- principal, a row of "principal" with the same client id.
CREATE TABLE application (
  object_id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE,
  key       TEXT NOT NULL,
  name      TEXT NOT NULL,
  body      TEXT NOT NULL,
  created   INTEGER NOT NULL,
  changed   INTEGER NOT NULL
) STRICT;
CREATE INDEX application_by_key ON application (key, object_id);

CREATE TABLE identifier_uri (
  key         TEXT PRIMARY KEY,
  uri         TEXT NOT NULL,
  application TEXT NOT NULL REFERENCES application (object_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identifier_uri_by_application ON identifier_uri (application);

-- Credentials of an application or of a service principal: "owner" is an object id.
CREATE TABLE secret (
  key_id TEXT PRIMARY KEY,
  owner  TEXT NOT NULL,
  name   TEXT NOT NULL,
  hint   TEXT NOT NULL,
  digest BLOB NOT NULL,
  begins INTEGER NOT NULL,
  ends   INTEGER -- null for never
) STRICT;
CREATE INDEX secret_by_owner ON secret (owner);

CREATE TABLE certificate (
  key_id     TEXT PRIMARY KEY,
  owner      TEXT NOT NULL,
  name       TEXT NOT NULL,
  thumbprint TEXT NOT NULL, -- SHA-1 of the certificate, in upper-case hexadecimal
  der        BLOB NOT NULL,
  begins     INTEGER NOT NULL,
  ends       INTEGER NOT NULL
) STRICT;
CREATE INDEX certificate_by_owner ON certificate (owner);

ALTER TABLE principal ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE principal ADD COLUMN body TEXT NOT NULL DEFAULT '{}';
DROP INDEX principal_by_key;
CREATE INDEX principal_by_key ON principal (key, object_id);

-- A service principal that stood alone until now gets its application object, whose
-- secret its own was. randomblob is SQLite's generator of identifiers.
INSERT INTO application (object_id, client_id, key, name, body, created, changed)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
    || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
  client_id, key, name, '{}', created, created
FROM principal WHERE resource IS NULL;
INSERT INTO secret (key_id, owner, name, hint, digest, begins, ends)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
    || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
  a.object_id, '', '', p.digest, p.created, NULL
FROM principal p JOIN application a ON a.client_id = p.client_id WHERE p.digest IS NOT NULL;
ALTER TABLE principal DROP COLUMN digest;

-- What hangs on an object goes with it, in the same transaction.
CREATE TRIGGER user_leaves AFTER DELETE ON user BEGIN
  DELETE FROM membership WHERE member = OLD.object_id;
  DELETE FROM ownership WHERE owner = OLD.object_id;
  DELETE FROM role_assignment WHERE principal = OLD.object_id;
END;
CREATE TRIGGER security_group_leaves AFTER DELETE ON security_group BEGIN
  DELETE FROM membership WHERE member = OLD.object_id;
  DELETE FROM ownership WHERE owned = OLD.object_id;
  DELETE FROM role_assignment WHERE principal = OLD.object_id;
END;
CREATE TRIGGER principal_leaves AFTER DELETE ON principal BEGIN
  DELETE FROM membership WHERE member = OLD.object_id;
  DELETE FROM ownership WHERE owner = OLD.object_id OR owned = OLD.object_id;
  DELETE FROM secret WHERE owner = OLD.object_id;
  DELETE FROM certificate WHERE owner = OLD.object_id;
END;
CREATE TRIGGER application_leaves AFTER DELETE ON application BEGIN
  DELETE FROM principal WHERE client_id = OLD.client_id;
  DELETE FROM ownership WHERE owned = OLD.object_id;
  DELETE FROM secret WHERE owner = OLD.object_id;
  DELETE FROM certificate WHERE owner = OLD.object_id;
END;
