package stack

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

const (
	masterFile   = "master.key"
	masterLength = 32
)

// masterKey is the root of everything this state derives and therefore need not
// store: backend secrets and the secrets of workloads.
type masterKey []byte

// openMasterKey reads the key of a state directory, or makes one.
func openMasterKey(dir string) (masterKey, error) {
	key, err := readMasterKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeMasterKey(filepath.Join(dir, masterFile)); err != nil {
			return nil, err
		}
		key, err = readMasterKey(dir)
	}
	return key, err
}

func readMasterKey(dir string) (masterKey, error) {
	path := filepath.Join(dir, masterFile)
	text, err := keyfile.Read(path)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "read the master key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != masterLength {
		return nil, midas.Errorf(midas.Internal, "the master key %s is damaged: it should hold %d hexadecimal digits", path, 2*masterLength).
			WithHint("restore it from a backup; without it, remove it and the directories issuer and accounts beside it, give each server an administrator with another login, and DROP USER and CREATE AADUSER each account")
	}
	return key, nil
}

// makeMasterKey writes the key before anything is derived from it: a key that was
// used and then lost in a crash would lock its own accounts out.
func makeMasterKey(path string) error {
	key := make(masterKey, masterLength)
	rand.Read(key)
	if err := keyfile.Create(path, []byte(hex.EncodeToString(key)+"\n"), 0o600); err != nil {
		return midas.Errorf(midas.Internal, "make the master key: %w", err)
	}
	return nil
}

// derive returns a key of its own for each purpose, so that one that leaks tells
// nothing of the others.
func (m masterKey) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, m, nil, "midas/"+purpose, sha256.Size)
	if err != nil {
		panic(err) // only for lengths that SHA-256 cannot give
	}
	return key
}

// workloadSecret returns what a workload proves itself with until then (IDENTITY_HEADER).
// It names the machine and its end, so that it can be checked without being stored, and
// it ends with the machine, too: a recreated one has another id.
func (m masterKey) workloadSecret() func(vmID string, until time.Time) string {
	key := m.derive("identity-header until")
	return func(vmID string, until time.Time) string {
		said := vmID + "." + strconv.FormatInt(until.Unix(), 10)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(said))
		return said + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
}

// servicePassword is what midas signs in to the private server of a server with.
func (m masterKey) servicePassword(serverID string) string {
	return base64.RawURLEncoding.EncodeToString(m.derive("private-server " + strings.ToLower(serverID)))
}
