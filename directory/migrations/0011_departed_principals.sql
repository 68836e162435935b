-- The principals that were deleted, so that a database account which maps to an id can be
-- told from one whose id this directory never had: another issuer may know that one.
CREATE TABLE departed_principal (
  object_id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL
) STRICT;
CREATE INDEX departed_principal_by_client_id ON departed_principal (client_id) WHERE client_id <> '';

CREATE TRIGGER user_departs AFTER DELETE ON user BEGIN
  INSERT OR IGNORE INTO departed_principal (object_id, client_id) VALUES (OLD.object_id, '');
END;
CREATE TRIGGER security_group_departs AFTER DELETE ON security_group BEGIN
  INSERT OR IGNORE INTO departed_principal (object_id, client_id) VALUES (OLD.object_id, '');
END;
CREATE TRIGGER principal_departs AFTER DELETE ON principal BEGIN
  INSERT OR IGNORE INTO departed_principal (object_id, client_id) VALUES (OLD.object_id, OLD.client_id);
END;
