package backend

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// identity is what a server on this machine is known by: the user whose process serves its
// address, or its certificate's key where the system does not tell the user.
type identity struct {
	User        *uint32 `json:"user,omitempty"`
	Certificate string  `json:"certificate,omitempty"`
}

func (i identity) isUser(id uint32) bool { return i.User != nil && *i.User == id }

func (i identity) String() string {
	switch {
	case i.User != nil:
		return "user " + userName(*i.User)
	case i.Certificate != "":
		return "the certificate with key " + i.Certificate
	}
	return "nobody"
}

func userName(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username + " (uid " + number + ")"
	}
	return number
}

// fingerprint is the same for certificates that a server makes anew with its old key.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// readKnown returns the identities in a file, by address. A file that others could have
// written to says nothing about anybody, and is an error.
func readKnown(file string) (map[string]identity, error) {
	known := map[string]identity{}
	if file == "" {
		return known, nil
	}
	text, err := keyfile.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "read which backends are known: %w", err).
			WithHint("remove %s if it cannot be mended: the next start remembers anew who serves the backend", file)
	}
	return known, nil
}

// remember puts the identity of the server at address into file.
func remember(file, address string, who identity) error {
	if file == "" {
		return midas.Errorf(midas.Forbidden, "backend %s is served by %s, and there is no file to remember that in", address, who).
			WithHint("run the server as root or as midas's own user, or use a URL with tls=verify")
	}
	known, err := readKnown(file)
	if err != nil {
		return err
	}
	known[address] = who
	text, err := json.MarshalIndent(known, "", "  ")
	if err == nil {
		err = keyfile.Replace(file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return midas.Errorf(midas.Internal, "remember who serves backend %s: %w", address, fmt.Errorf("write %s: %w", file, err))
	}
	return nil
}
