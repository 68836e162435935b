-- What a sign-in rests on has a number that rises when it changes. A sign-in that has checked a
-- password and keeps a grant only later finds out by it that the check holds no more.
ALTER TABLE user ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER user_raises_stamp AFTER UPDATE OF password, enabled, must_change ON user
WHEN OLD.password <> NEW.password OR NEW.enabled = 0 OR NEW.must_change = 1 BEGIN
  UPDATE user SET stamp = stamp + 1 WHERE object_id = OLD.object_id;
END;
