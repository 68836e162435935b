package issuer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"path/filepath"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// listSeal binds the manifest to what protects the keys: the manifest says whose signatures
// are published as ours, so that who can write files, and not read the keys, must not be
// able to write that.
type listSeal struct {
	Protector string `json:"protector"` // KeyProtector.ID
	Key       []byte `json:"key"`       // of the MAC, wrapped
	MAC       []byte `json:"mac"`       // HMAC-SHA-256
}

// protectorID names what keys are written under, "" for nothing.
func (k *keyring) protectorID() string {
	if protect := k.protector(); protect != nil {
		return protect.ID()
	}
	return ""
}

func (m *manifest) sealedBy() string {
	if m.Seal == nil {
		return ""
	}
	return m.Seal.Protector
}

func (m *manifest) mac(key []byte) ([]byte, error) {
	listed, err := json.Marshal(m.Keys)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "seal the list of signing keys: %w", err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("midas/list of signing keys\x00"))
	h.Write(listed)
	return h.Sum(nil), nil
}

// commit seals the manifest and writes it.
func (k *keyring) commit(ctx context.Context, m *manifest) error {
	m.Seal = nil
	if protect := k.protector(); protect != nil {
		key := newDataKey()
		wrapped, err := protect.Wrap(ctx, key, manifestFile)
		if err != nil {
			return err
		}
		sum, err := m.mac(key)
		if err != nil {
			return err
		}
		m.Seal = &listSeal{Protector: protect.ID(), Key: wrapped, MAC: sum}
	}
	return m.write(k.dir)
}

// checkSeal refuses a manifest that was written by somebody who has not what protects the
// keys.
func (k *keyring) checkSeal(ctx context.Context, m *manifest) error {
	path := filepath.Join(k.dir, manifestFile)
	switch {
	case m.Seal == nil && (len(k.protectors) == 0 || k.adoptPlain):
		return nil
	case m.Seal == nil:
		return unprotected(path)
	}
	at := slices.IndexFunc(k.protectors, func(p KeyProtector) bool { return p.ID() == m.Seal.Protector })
	if at < 0 {
		return notGiven("the list of signing keys", path, m.Seal.Protector)
	}
	key, err := k.protectors[at].Unwrap(ctx, m.Seal.Key, manifestFile)
	if err != nil {
		return midas.Errorf(midas.CodeOf(err), "check the list of signing keys %s: %w", path, err).WithHint("%s", midas.HintOf(err))
	}
	sum, err := m.mac(key)
	if err != nil {
		return err
	}
	if !hmac.Equal(sum, m.Seal.MAC) {
		return midas.Errorf(midas.Internal, "the list of signing keys %s was changed by somebody else", path).
			WithHint("find out who can write there; then restore it from a backup, or remove %s: new keys are made and all tokens issued so far are void", k.dir)
	}
	return nil
}

// unprotected refuses what anybody could have put there who can write.
func unprotected(path string) error {
	return midas.Errorf(midas.Internal, "signing keys are encrypted here, and %s is not: somebody may have put it there", path).
		WithHint("when it is of a midas that did not encrypt its keys, and nobody else could write there, start once with --insecure-adopt-plain-keys; else remove %s: new keys are made and all tokens issued so far are void", filepath.Dir(path))
}

func notGiven(what, path, protector string) error {
	return midas.Errorf(midas.Internal, "%s %s is encrypted under %q, which was not given", what, path, clip.Text(protector)).
		WithHint("give the key encryption key that it was made with (--key-encryption-key-file, MIDAS_KEY_ENCRYPTION_KEY or --key-encryption-command; \"master-…\" is the state's master.key); without it, remove %s: new keys are made and all tokens issued so far are void", filepath.Dir(path))
}
