package metadata

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// ArcConfig is for Azure Arc's dialect, in which a client proves that it may read a file
// on the machine.
type ArcConfig struct {
	// Dir is where the key files are put; it must exist, and who may enter it may act as
	// the machine. SDKs read only from /var/opt/azcmagent/tokens. "" switches the dialect
	// off.
	Dir string
	// Machine is the ARM id of the machine that this host is, for clients that nothing
	// else tells apart; "" for none.
	Machine string
}

const (
	// keyLife is how long a key may be used: a client reads it at once.
	keyLife = time.Minute
	// maxKeys is how many keys of one machine are out at a time, so that asking for ever
	// does not fill the disk. A caller beyond that gets the youngest as well: if a new one
	// ended the oldest, callers that cannot read the files would end those of callers that can,
	// before these have read and sent them.
	maxKeys = 128
	// keyBytes of randomness are in a key; its file is far below the 4096 bytes that
	// clients read.
	keyBytes = 48
)

// arc is Azure Arc's challenge: 401 with the path of a file, whose content the client
// must send back.
type arc struct {
	dir, machine string
	now          func() time.Time

	mu     sync.Mutex
	keys   map[string]arcKey // by content
	issued uint64
}

type arcKey struct {
	vmID, path string
	until      time.Time
	number     uint64 // in the order of issue
	shared     bool   // it was given to several callers, and ends with its time, not with its use
}

func newArc(cfg ArcConfig, now func() time.Time) (*arc, error) {
	a := &arc{dir: cfg.Dir, machine: cfg.Machine, now: now, keys: map[string]arcKey{}}
	if a.dir == "" {
		return a, nil
	}
	if info, err := os.Stat(a.dir); err != nil || !info.IsDir() || !filepath.IsAbs(a.dir) {
		return nil, midas.Errorf(midas.Invalid, "Azure Arc's key files cannot be put into %q: it is not the absolute path of a folder", cfg.Dir).
			WithHint("SDKs read from /var/opt/azcmagent/tokens: make it, and let those enter that may act as the machine")
	}
	// What a midas left behind that was killed opens nothing any more.
	left, err := filepath.Glob(filepath.Join(a.dir, keyPrefix+"*.key"))
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "look for key files in %s: %w", a.dir, err)
	}
	for _, path := range left {
		_ = os.Remove(path)
	}
	return a, nil
}

// keyPrefix marks our files among others'.
const keyPrefix = "midas-"

// dialect is IMDS with the challenge.
func (a *arc) dialect() dialect {
	d := imds
	d.parse = func(r *http.Request) (query, *failure) {
		if a.dir == "" {
			return query{}, &failure{
				status: http.StatusNotFound, reason: reasonNotFound,
				text: "Azure Arc's endpoint is off: midas up --arc-tokens names the folder of its key files.",
			}
		}
		return parseIMDS(r)
	}
	d.prove = a.prove
	return d
}

// prove lets through a caller that sends a key of that machine, which ends with it unless others
// were given it too, and gives everybody else one to fetch.
func (a *arc) prove(r *http.Request, vmID string) *failure {
	if given := r.Header.Values("Authorization"); len(given) > 0 {
		scheme, key, _ := strings.Cut(given[0], " ")
		if len(given) == 1 && strings.EqualFold(scheme, "Basic") && a.spend(strings.TrimSpace(key), vmID) {
			return nil
		}
	}
	path, err := a.issue(vmID)
	if err != nil {
		return internal(midas.Errorf(midas.Internal, "write a key file: %w", err))
	}
	return &failure{
		status: http.StatusUnauthorized, reason: reasonRequest, silent: true,
		header: http.Header{"Www-Authenticate": {"Basic realm=" + path}},
	}
}

// spend uses the key; it reports whether it was one of vmID's.
func (a *arc) spend(key, vmID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for content, k := range a.keys {
		if subtle.ConstantTimeCompare([]byte(content), []byte(key)) != 1 {
			continue
		}
		inTime := a.now().Before(k.until)
		if !k.shared || !inTime {
			delete(a.keys, content)
			_ = os.Remove(k.path)
		}
		return k.vmID == vmID && inTime
	}
	return false
}

// issue makes a key for vmID, or shares one, and returns the path of its file.
func (a *arc) issue(vmID string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, out, oldest, youngest := a.now(), 0, "", ""
	for content, k := range a.keys {
		switch {
		case !now.Before(k.until):
			delete(a.keys, content)
			_ = os.Remove(k.path)
		case k.vmID == vmID:
			if out++; oldest == "" || k.number < a.keys[oldest].number {
				oldest = content
			}
			if youngest == "" || k.number > a.keys[youngest].number {
				youngest = content
			}
		}
	}
	if out >= maxKeys {
		if k := a.keys[youngest]; k.until.Sub(now) > keyLife/2 { // long enough for one more caller
			k.shared = true
			a.keys[youngest] = k
			return k.path, nil
		}
		_ = os.Remove(a.keys[oldest].path)
		delete(a.keys, oldest)
	}
	random := make([]byte, keyBytes)
	rand.Read(random)
	content := base64.RawURLEncoding.EncodeToString(random)
	path := filepath.Join(a.dir, keyPrefix+uuid.NewString()+".key")
	if err := writeKey(a.dir, path, content); err != nil {
		return "", err
	}
	a.issued++
	a.keys[content] = arcKey{vmID: vmID, path: path, until: now.Add(keyLife), number: a.issued}
	return path, nil
}

// writeKey makes a file for its owner and for the group of its folder, as Azure's agent
// does: that group is who may act as the machine.
func writeKey(dir, path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = shareWithGroup(f, dir)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// close removes the files of the keys that are out.
func (a *arc) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for content, k := range a.keys {
		_ = os.Remove(k.path)
		delete(a.keys, content)
	}
}
