package issuer

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
	"github.com/midas-mysql/midas/token"
)

const (
	// DefaultKeyLifetime is how long a key signs when nothing else is said.
	DefaultKeyLifetime = 30 * 24 * time.Hour
	// publishAhead is the least time between a key's publication and its first token.
	// Verifiers look for new keys once a day.
	// Source: Microsoft identity platform, "Signing key rollover".
	publishAhead = 48 * time.Hour
	// keepPublished is how long a key stays published after its last token was signed:
	// that token's life, and an hour for clocks.
	keepPublished = identityLifetime + time.Hour
	// tendEvery is how often the age of keys is looked at.
	tendEvery = time.Hour
)

// PublishedKeys lists the keys, the newest first.
func (i *Issuer) PublishedKeys() []token.KeyInfo {
	var out []token.KeyInfo
	for _, e := range i.keys.current.Load().Keys {
		out = append(out, token.KeyInfo{ID: e.KeyID, State: string(e.state()), Published: moment(e.Published), Signing: moment(e.Signing), Until: moment(e.Until)})
	}
	return out
}

func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// RotateKeys makes the next key sign and publishes another in its place. While the next
// key has not been published for two days, not every verifier may have seen it: that is a
// Conflict, unless now. revoke takes all keys out of publication at once, the next one with
// them, and makes two others: all tokens are void.
func (i *Issuer) RotateKeys(ctx context.Context, now, revoke bool) ([]token.KeyInfo, error) {
	if err := i.keys.rotate(ctx, now, revoke); err != nil {
		return nil, err
	}
	return i.PublishedKeys(), nil
}

// TendKeys changes the signing key when it has signed for its lifetime, and ends the
// publication of keys whose tokens have all expired.
func (i *Issuer) TendKeys(ctx context.Context) error {
	k := i.keys
	if signing := k.current.Load().only(keySigning); k.lifetime > 0 && k.now().Sub(moment(signing.Signing)) >= k.lifetime {
		// The next key may be too new, when the last change was by hand: then later.
		if err := k.rotate(ctx, false, false); err != nil && midas.CodeOf(err) != midas.Conflict {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tidy(ctx)
}

// Run tends the keys until ctx ends.
func (i *Issuer) Run(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := i.TendKeys(ctx); err != nil {
			i.log.Error("signing keys not tended", "err", err, midas.HintAttr(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// rotate makes the change. The new key's file is there before anything names it, the
// manifest changes in one step, and what is left to clear away is cleared away at any
// later time: a crash anywhere leaves the keys as before the change or as after it.
func (k *keyring) rotate(ctx context.Context, now, revoke bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.now()
	m := k.current.Load().manifest
	next := m.only(keyNext)
	if ready := moment(next.Published).Add(publishAhead); !now && !revoke && at.Before(ready) {
		return midas.Errorf(midas.Conflict, "the next key %s is published only since %s: verifiers may not have it before %s",
			next.KeyID, moment(next.Published).Format(time.RFC3339), ready.Format(time.RFC3339)).
			WithHint("wait until then, or rotate all the same with --now")
	}
	changed, err := k.successors(ctx, m, revoke)
	if err != nil {
		return err
	}
	if err := k.between("made"); err != nil {
		return err
	}
	if err := k.commit(ctx, changed); err != nil {
		return err
	}
	if err := k.between("committed"); err != nil {
		return err
	}
	if err := k.use(ctx, *changed); err != nil {
		return err
	}
	k.log.Info("signing key changed", "signs", changed.only(keySigning).KeyID, "next", changed.only(keyNext).KeyID, "revoked", revoke)
	return k.tidy(ctx)
}

// successors are the keys after a change, with the files of those that are new.
func (k *keyring) successors(ctx context.Context, m manifest, revoke bool) (*manifest, error) {
	at := k.now()
	made, err := k.make(ctx)
	if err != nil {
		return nil, err
	}
	if revoke {
		// The next key lay beside the one that is known to others, so it may be, too.
		signs, err := k.make(ctx)
		signs.Signing = at.Unix()
		return &manifest{Keys: []entry{made, signs}}, err
	}
	changed := &manifest{Keys: []entry{made}}
	for _, e := range m.Keys {
		switch e.state() {
		case keyNext:
			e.Signing = at.Unix()
		case keySigning:
			e.Until = at.Add(keepPublished).Unix()
		}
		changed.Keys = append(changed.Keys, e)
	}
	return changed, nil
}

// tidy ends the publication of keys whose time is over, and brings the files to what the
// manifest says. The lock is held.
func (k *keyring) tidy(ctx context.Context) error {
	m := k.current.Load().manifest
	kept := slices.DeleteFunc(slices.Clone(m.Keys), func(e entry) bool {
		return e.state() == keyRetired && !k.now().Before(moment(e.Until))
	})
	if len(kept) < len(m.Keys) || m.sealedBy() != k.protectorID() {
		m = manifest{Keys: kept}
		if err := k.commit(ctx, &m); err != nil {
			return err
		}
		if err := k.use(ctx, m); err != nil {
			return err
		}
	}
	for _, p := range k.current.Load().listed {
		if err := k.rewriteKeyFile(ctx, p); err != nil {
			return err
		}
	}
	if err := k.between("rewritten"); err != nil {
		return err
	}
	return k.sweep(m)
}

// rewriteKeyFile rewrites a key's file where it holds more than it should: the private key of
// one that signs no more, or one that is not encrypted under what it should be.
func (k *keyring) rewriteKeyFile(ctx context.Context, p publishedKey) error {
	switch want := k.protectorID(); {
	case p.entry.state() == keyRetired && p.private != nil:
		bare := *p.keypair
		bare.private = nil
		return k.store(ctx, p.entry, &bare)
	case p.entry.state() == keyRetired:
		// It may have been read without its private key: the file may still hold one.
		return k.store(ctx, p.entry, p.keypair)
	case p.protector != want:
		return k.store(ctx, p.entry, p.keypair)
	}
	return nil
}

// store writes a key's file, unless it holds just that.
func (k *keyring) store(ctx context.Context, e entry, pair *keypair) error {
	protect := k.protector()
	data, err := pair.encode(ctx, protect)
	if err != nil {
		return err
	}
	path := filepath.Join(k.dir, e.File)
	if present, err := os.ReadFile(path); err == nil && slices.Equal(present, data) {
		return nil
	}
	if err := keyfile.Replace(path, data, 0o600); err != nil {
		return midas.Errorf(midas.Internal, "write a signing key: %w", err)
	}
	if pair.protector = ""; protect != nil && pair.private != nil {
		pair.protector = protect.ID()
	}
	return nil
}

// ownName is how key files are named, now and by the midas that kept no manifest.
var ownName = regexp.MustCompile(`^([A-Za-z0-9_-]{27}|current|next)\.pem$`)

// sweep removes key files of our naming that no manifest names any more, or not yet: of
// a change that was cut short.
func (k *keyring) sweep(m manifest) error {
	paths, err := filepath.Glob(filepath.Join(k.dir, "*.pem"))
	if err != nil {
		return midas.Errorf(midas.Internal, "list signing keys: %w", err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if !ownName.MatchString(name) || slices.ContainsFunc(m.Keys, func(e entry) bool { return e.File == name }) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return midas.Errorf(midas.Internal, "remove a signing key: %w", err)
		}
	}
	return nil
}

func (k *keyring) between(step string) error {
	if k.step == nil {
		return nil
	}
	return k.step(step)
}
