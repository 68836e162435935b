package issuer

import (
	"cmp"
	"context"
	"crypto"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// keyring is the issuer's keys: one that signs, the next one, published ahead so that
// every verifier has it by the day it takes over, and those that have signed, published
// until their last token has expired. Reading takes no lock.
type keyring struct {
	dir        string
	lifetime   time.Duration // a key signs for so long; 0: until told otherwise
	protectors []KeyProtector
	adoptPlain bool
	now        func() time.Time
	log        *slog.Logger
	step       func(string) error // between the steps of a change, for tests; else nil

	current atomic.Pointer[ring]
	mu      sync.Mutex // held by who changes the ring
}

var _ token.KeySet = (*keyring)(nil)

// ring is one state of the keyring. It does not change.
type ring struct {
	signer *token.Signer
	public token.StaticKeys
	listed []publishedKey // by key id
	manifest
}

// publishedKey is the public half of a key and the certificate it is known by.
type publishedKey struct {
	*keypair
	entry entry
}

// openKeyring loads the keys in dir, after making those that are missing.
func openKeyring(ctx context.Context, cfg *Config) (*keyring, error) {
	k := &keyring{dir: cfg.Dir, lifetime: cfg.KeyLifetime, protectors: cfg.KeyProtectors, adoptPlain: cfg.InsecureAdoptPlainKeys, now: cfg.Now, log: cfg.Log, step: cfg.keyStep}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, midas.Errorf(midas.Internal, "make the directory of signing keys: %w", err)
	}
	m, err := readManifest(k.dir)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if m, err = k.adopt(ctx); err != nil {
			return nil, err
		}
	}
	if err := k.checkSeal(ctx, m); err != nil {
		return nil, err
	}
	if err := k.use(ctx, *m); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k, k.tidy(ctx)
}

// protector is what keys are written under, nil for nothing.
func (k *keyring) protector() KeyProtector {
	if len(k.protectors) == 0 {
		return nil
	}
	return k.protectors[0]
}

// adopt makes the manifest of a directory that has none: a new one, one whose first start
// was cut short, or one of a midas that kept none.
func (k *keyring) adopt(ctx context.Context) (*manifest, error) {
	paths, err := filepath.Glob(filepath.Join(k.dir, "*.pem"))
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "list signing keys: %w", err)
	}
	var found, retired []entry
	for _, path := range paths {
		pair, err := loadKeypair(ctx, path, true, k.protectors, k.adoptPlain)
		if err != nil {
			return nil, err
		}
		e := entry{File: filepath.Base(path), KeyID: pair.id, Published: pair.made.Unix()}
		switch {
		case slices.ContainsFunc(found, func(o entry) bool { return o.KeyID == e.KeyID }):
		case pair.private != nil:
			found = append(found, e)
		case len(k.protectors) == 0 || k.adoptPlain:
			retired = append(retired, e)
		default:
			// A certificate alone could be anybody's, who would sign for us with its key.
			k.log.Warn("retired signing key left out: no list says that it was ours", "key", e.KeyID)
		}
	}
	// Of those that are there, the newest has not signed yet. Where there were words for
	// it, they count.
	slices.SortStableFunc(found, func(a, b entry) int { return cmp.Or(rank(b)-rank(a), cmp.Compare(b.Published, a.Published)) })
	now := k.now()
	var making errgroup.Group
	made := make([]entry, max(0, 2-len(found)))
	for i := range made {
		making.Go(func() (err error) {
			made[i], err = k.make(ctx)
			return err
		})
	}
	if err := making.Wait(); err != nil {
		return nil, err
	}
	found = append(made, found...)
	found[1].Signing = found[1].Published
	found = append(found, retired...)
	for i := range found[2:] {
		found[2+i].Signing, found[2+i].Until = found[2+i].Published, now.Add(keepPublished).Unix()
	}
	m := &manifest{Keys: found}
	return m, k.commit(ctx, m)
}

// rank orders keys without a manifest, the next one first.
func rank(e entry) int {
	switch e.File {
	case "next.pem":
		return 2
	case "current.pem":
		return 1
	}
	return 0
}

// make makes a key and its file; nobody uses it before it is in the manifest.
func (k *keyring) make(ctx context.Context) (entry, error) {
	now := k.now()
	pair, err := newKeypair(now)
	if err != nil {
		return entry{}, err
	}
	e := entry{File: pair.id + ".pem", KeyID: pair.id, Published: now.Unix()}
	return e, k.store(ctx, e, pair)
}

// use loads the keys of a manifest and makes them the ones in use.
func (k *keyring) use(ctx context.Context, m manifest) error {
	before := k.current.Load()
	next := &ring{public: token.StaticKeys{}, manifest: m}
	for _, e := range m.Keys {
		pair, err := k.load(ctx, e, before)
		if err != nil {
			return err
		}
		if pair.id != e.KeyID {
			return damaged(filepath.Join(k.dir, e.File))
		}
		next.public[pair.id] = pair.public
		next.listed = append(next.listed, publishedKey{pair, e})
		if e.state() == keySigning {
			if next.signer, err = token.NewSigner(token.SigningKey{KeyID: pair.id, Private: pair.private}); err != nil {
				return err
			}
		}
	}
	// An order that says nothing keeps verifiers from reading a meaning into it.
	slices.SortFunc(next.listed, func(a, b publishedKey) int { return strings.Compare(a.id, b.id) })
	k.current.Store(next)
	return nil
}

// load returns the key of an entry: the one in use when there is one, so that a key stays
// the same value for as long as it stands.
func (k *keyring) load(ctx context.Context, e entry, before *ring) (*keypair, error) {
	if before != nil {
		for _, p := range before.listed {
			if p.id == e.KeyID {
				return p.keypair, nil
			}
		}
	}
	path := filepath.Join(k.dir, e.File)
	pair, err := loadKeypair(ctx, path, e.state() != keyRetired, k.protectors, k.adoptPlain)
	if err == nil && pair.private == nil && e.state() != keyRetired {
		return nil, damaged(path)
	}
	return pair, err
}

// Key implements token.KeySet.
func (k *keyring) Key(ctx context.Context, keyID string) (crypto.PublicKey, error) {
	return k.current.Load().public.Key(ctx, keyID)
}

func (k *keyring) signer() *token.Signer { return k.current.Load().signer }
