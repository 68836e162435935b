-- Lists of all groups go by name, as those of one group do already.
CREATE INDEX resource_by_name ON resource (kind, key, group_key);
