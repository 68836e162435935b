package account

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas"
)

// minMaster is the least length of a master key, in bytes: with less, anyone who sees one
// derived password hash could search for the key and so for all the others.
const minMaster = 32

// serverKeyPrefix begins the text of a server key, so that no other key is taken for one.
const serverKeyPrefix = "midas-server-key"

// ServerKey is the root of everything that is secret about the accounts of one server: their
// passwords at the backend, the seals of their rows and of the copy of these, and the name of
// the lock under which they change. All of it comes from the key and from nothing else, so a
// gateway that has the key of one server can do nothing at another. It is comparable.
type ServerKey struct {
	version int // 0: the key that all servers of a former midas shared
	root    string
}

// DeriveServerKey derives a version of a server's key from the master key: HKDF with SHA-256
// (RFC 5869) over the server's unique id and the version. The id is one that no other server
// has or will have, and its case makes no difference. Errors are Invalid.
func DeriveServerKey(master []byte, serverID string, version int) (ServerKey, error) {
	switch {
	case len(master) < minMaster:
		return ServerKey{}, shortMaster(master)
	case serverID == "" || version < 1:
		return ServerKey{}, midas.Errorf(midas.Invalid, "a server key needs the id of a server and a version from 1 on")
	}
	id := strings.ToLower(serverID)
	info := binary.BigEndian.AppendUint32([]byte("midas server key"), uint32(len(id)))
	info = binary.BigEndian.AppendUint64(append(info, id...), uint64(version))
	root, err := hkdf.Key(sha256.New, master, nil, string(info), sha256.Size)
	if err != nil {
		panic("account: derive a server key: " + err.Error()) // only for lengths that SHA-256 cannot give
	}
	return ServerKey{version, string(root)}, nil
}

// SharedKey is what all servers of a former midas had in place of server keys. Nothing new is
// derived from it: StoreConfig.Former has it, to read what that midas left.
func SharedKey(master []byte) (ServerKey, error) {
	if len(master) < minMaster {
		return ServerKey{}, shortMaster(master)
	}
	return ServerKey{root: string(master)}, nil
}

func shortMaster(master []byte) error {
	return midas.Errorf(midas.Invalid, "the master key has %d bytes, at least %d are needed", len(master), minMaster)
}

// Text is the key in one line, for a file that only a gateway of the server may read.
func (k ServerKey) Text() string {
	return serverKeyPrefix + ":" + strconv.Itoa(k.version) + ":" + hex.EncodeToString([]byte(k.root))
}

// Version counts the keys of a server from 1 on; 0 is SharedKey's.
func (k ServerKey) Version() int { return k.version }

// KeyState is what anyone may know of a server's key: its version, and an id that tells it from
// other keys and nothing else of it.
type KeyState struct {
	Version int
	ID      string
}

// State tells version and id.
func (k ServerKey) State() KeyState {
	return KeyState{k.version, hex.EncodeToString(k.key("id")[:8])}
}

func (k ServerKey) usable() bool { return len(k.root) >= minMaster }

// String keeps the key out of logs.
func (k ServerKey) String() string {
	return "account.ServerKey{version " + strconv.Itoa(k.version) + "}"
}

// GoString keeps the key out of %#v.
func (k ServerKey) GoString() string { return k.String() }

// Secret returns the password of one account: 43 printable ASCII characters without quotes
// or backslashes, 232 bits of which are derived. Any difference in server, user, host or
// generation gives another one; the case of server and host makes none. It panics for a key
// that has fewer than 32 bytes: any answer would be a password that can be guessed.
func (k ServerKey) Secret(serverID, user, host string, generation int) string {
	if !k.usable() {
		panic("account: a server key of fewer than 32 bytes")
	}
	info := []byte("midas backend account v1")
	if k.version > 0 {
		info = []byte("midas backend account v2")
	}
	for _, field := range []string{strings.ToLower(serverID), user, strings.ToLower(host)} {
		// Lengths keep ("ab", "c") and ("a", "bc") apart.
		info = binary.BigEndian.AppendUint32(info, uint32(len(field)))
		info = append(info, field...)
	}
	info = binary.BigEndian.AppendUint64(info, uint64(generation))
	key, err := hkdf.Key(sha256.New, []byte(k.root), nil, string(info), 29)
	if err != nil {
		panic("account: derive a secret: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(key) + secretSuffix
}

func (k ServerKey) secretOf(a Account) string {
	return k.Secret(a.ServerID, a.User, a.Host, a.Generation)
}

// key derives a key for a purpose of its own: one that leaks tells nothing of the others.
func (k ServerKey) key(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(k.root), nil, "midas account "+purpose+" v1", sha256.Size)
	if err != nil {
		panic("account: derive a key: " + err.Error())
	}
	return key
}

// keyring is the key that a server has, and those that it had before, which still tell who
// wrote a row.
type keyring struct {
	now    ServerKey
	former []ServerKey
}

// signer returns the key of the ring for which seals holds.
func (r keyring) signer(seals func(ServerKey) bool) (key ServerKey, ok bool) {
	if seals(r.now) {
		return r.now, true
	}
	for _, k := range r.former {
		if seals(k) {
			return k, true
		}
	}
	return ServerKey{}, false
}
