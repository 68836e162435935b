package token

// Cached is how many verdicts are remembered.
func (v *Verifier) Cached() (n int) {
	for _, shard := range v.cache {
		n += shard.Len()
	}
	return n
}

// ClaimedIssuer is claimedIssuer.
var ClaimedIssuer = claimedIssuer

// Depth is how deep the outline finds a JSON text nested.
func Depth(text []byte) int { return sketch(text).depth }

// Outside is the judgement of an address before a connection is made.
var Outside = outside
