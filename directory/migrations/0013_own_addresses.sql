-- Whether a network is a mark for callers at this machine's own addresses, too. Every user
-- of the machine has those, so that nobody meant it who did not say so.
ALTER TABLE recognition ADD COLUMN insecure_own INTEGER NOT NULL DEFAULT 0 CHECK (insecure_own IN (0, 1) AND (insecure_own = 0 OR kind = 'cidr'));
