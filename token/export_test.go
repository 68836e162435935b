package token

// Cached is how many verdicts are remembered.
func (v *Verifier) Cached() int { return v.cache.len() }
