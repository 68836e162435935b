package account

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
)

// copyFormat is the version of the file's form. The first one was sealed under SharedKey.
const copyFormat = 2

// copyFormat is the form of the copies that are sealed under k.
func (k ServerKey) copyFormat() int {
	if k.version == 0 {
		return 1
	}
	return copyFormat
}

// copyDocument is a copy as it is in its file. Each row is sealed for itself, so that rows
// of several copies can be compared; the whole is, so that no row can be taken out of it
// and none put back.
type copyDocument struct {
	Format     int          `json:"format"`
	KeyVersion int          `json:"keyVersion,omitempty"`
	Server     string       `json:"server"`
	Rows       []copyRow    `json:"rows"`
	Dropped    []droppedRow `json:"dropped"`
	TookOver   bool         `json:"tookOver,omitempty"`
	MAC        string       `json:"mac"`
}

type copyRow struct {
	Mapping       string `json:"mapping"`
	User          string `json:"user"`
	Host          string `json:"host"`
	Issuer        string `json:"issuer,omitempty"`
	Tenant        string `json:"tenant,omitempty"`
	Kind          string `json:"kind"`
	Principal     string `json:"principal"`
	DirectoryName string `json:"directoryName"`
	Admin         bool   `json:"admin"`
	Generation    int    `json:"generation"`
	MAC           string `json:"mac"`
}

func (r copyRow) account(server string) Account {
	return Account{
		ServerID: server, Mapping: r.Mapping, User: r.User, Host: r.Host, Issuer: r.Issuer, Tenant: r.Tenant, Kind: midas.PrincipalKind(r.Kind), ID: r.Principal,
		DirectoryName: r.DirectoryName, Admin: r.Admin, Generation: r.Generation,
	}
}

// copySeal is for the copy what seal is for the table. Its key is another: nothing that
// the backend holds fits here, and what is here fits nowhere there.
func (k ServerKey) copySeal(a Account) string {
	mac := hmac.New(sha256.New, k.key("copy of a row"))
	if k.version == 0 {
		mac.Write(a.encodedBefore())
	} else {
		mac.Write(a.encoded())
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (k ServerKey) documentSeal(doc copyDocument) string {
	mac := hmac.New(sha256.New, k.key("copy of all rows"))
	var buffer []byte
	add := func(text string) {
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(text)))
		buffer = append(buffer, text...)
	}
	if k.version > 0 {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(doc.Format))
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(doc.KeyVersion))
	}
	add(doc.Server)
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(doc.Rows)))
	for _, row := range doc.Rows {
		add(row.MAC)
	}
	for _, row := range doc.Dropped {
		add(row.Mapping)
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(row.Generation))
		if row.Lost {
			add("lost")
			add(row.User)
			add(row.Host)
		}
	}
	if doc.TookOver {
		add("took over")
	}
	mac.Write(buffer)
	return hex.EncodeToString(mac.Sum(nil))
}

// sealed writes a copy in its form, a row to a line.
func (c *copied) sealed(server string) ([]byte, error) {
	doc := copyDocument{
		Format: c.key.copyFormat(), KeyVersion: c.key.version, Server: server,
		Rows: make([]copyRow, 0, len(c.rows)), Dropped: append([]droppedRow{}, c.dropped...), TookOver: c.tookOver,
	}
	for _, a := range c.rows {
		doc.Rows = append(doc.Rows, copyRow{
			a.Mapping, a.User, a.Host, a.Issuer, a.Tenant, string(a.Kind), a.ID, a.DirectoryName, a.Admin, a.Generation, a.mac,
		})
	}
	slices.SortFunc(doc.Rows, func(a, b copyRow) int { return strings.Compare(a.Mapping, b.Mapping) })
	doc.MAC = c.key.documentSeal(doc)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", " ")
	err := e.Encode(doc)
	return out.Bytes(), err
}

// The reasons for which a copy is refused.
var (
	errCopyForm   = errors.New("it is cut short, or no copy of account rows")
	errCopyServer = errors.New("it is the copy of another server")
	errCopySeal   = errors.New("it was changed, or written under another key")
)

// openCopy reads a copy that was sealed for that server, under any key of the ring.
func (r keyring) openCopy(server string, data []byte) (*copied, error) {
	var doc copyDocument
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return nil, errCopyForm
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || doc.Format < 1 || doc.Format > copyFormat {
		return nil, errCopyForm
	}
	if doc.Server != server {
		return nil, errCopyServer
	}
	key, ok := r.signer(func(k ServerKey) bool {
		return k.copyFormat() == doc.Format && k.version == doc.KeyVersion && hmac.Equal([]byte(doc.MAC), []byte(k.documentSeal(doc)))
	})
	if !ok {
		return nil, errCopySeal
	}
	c := &copied{key: key, rows: make(map[string]keptRow, len(doc.Rows)), dropped: doc.Dropped, tookOver: doc.TookOver}
	for _, row := range doc.Rows {
		a := row.account(server)
		c.keep(a)
		if !hmac.Equal([]byte(row.MAC), []byte(c.rows[a.Mapping].mac)) {
			return nil, errCopySeal
		}
	}
	return c, nil
}
