-- Events of changes and the others, refusals and what was handed out, have a budget each.
-- In both the callers share, and of one caller what they did: "caller" and "class" are what
-- the shares are counted by.
ALTER TABLE activity ADD COLUMN changed INTEGER NOT NULL DEFAULT 1;
ALTER TABLE activity ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE activity ADD COLUMN class TEXT NOT NULL DEFAULT '';
UPDATE activity SET
  changed = (body ->> 'succeeded') AND coalesce(body ->> 'status', 0) = 0,
  caller = lower(coalesce(body ->> 'caller', '')),
  class = lower(coalesce(body ->> 'action', '')) || CASE WHEN body ->> 'succeeded' THEN '' ELSE ' refused' END;
CREATE INDEX activity_by_share ON activity (changed, caller, class, id);
