package directory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// named is how audiences compare: with or without "api://" and a final slash, in whatever
// case, they are one name.
func named(audience string) string {
	return strings.TrimRight(strings.TrimPrefix(fold(audience), "api://"), "/")
}

func (d *Directory) setIdentifierURIs(ctx context.Context, tx *sql.Tx, a Application, uris []string) error {
	if len(uris) > maxIdentifierURIs {
		return midas.Errorf(midas.Invalid, "The number of identifierUris %d exceeds the maximum of %d.", len(uris), maxIdentifierURIs)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM identifier_uri WHERE application = ?`, a.ObjectID); err != nil {
		return err
	}
	for _, uri := range uris {
		if err := checkText("Application", "identifierUris", uri, true, maxIdentifierURI); err != nil {
			return err
		}
		if err := d.freeIdentifierURI(ctx, tx, a, uri); err != nil {
			return err
		}
		added, err := affected(tx.ExecContext(ctx, `INSERT OR IGNORE INTO identifier_uri (key, uri, application) VALUES (?, ?, ?)`, fold(uri), uri, a.ObjectID))
		if err != nil {
			return err
		}
		if !added {
			return takenURI()
		}
	}
	return nil
}

// freeIdentifierURI refuses the names of other services: who had one would decide about
// the tokens that are made out to it.
func (d *Directory) freeIdentifierURI(ctx context.Context, tx *sql.Tx, a Application, uri string) error {
	if d.reserved != nil && slices.ContainsFunc(d.reserved(), func(r string) bool { return named(r) == named(uri) }) {
		return midas.Errorf(midas.Invalid, "Invalid value specified for property 'identifierUris' of resource 'Application': %s is the name of another service.", clip.Text(uri))
	}
	if uuid.Validate(named(uri)) != nil || named(uri) == a.ClientID {
		return nil
	}
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM principal WHERE client_id = ?1) OR EXISTS (SELECT 1 FROM application WHERE client_id = ?1)`, named(uri)).Scan(&taken)
	if err == nil && taken {
		return takenURI()
	}
	return err
}

func takenURI() error {
	return midas.Errorf(midas.Conflict, "Another object with the same value for property identifierUris already exists.")
}

// checkTokenVersion refuses an application that takes tokens of a version that there is
// not.
func checkTokenVersion(body json.RawMessage) error {
	var kept struct {
		API struct {
			Version any `json:"requestedAccessTokenVersion"`
		} `json:"api"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&kept) != nil {
		return badProperty("Application", "api")
	}
	switch kept.API.Version {
	case nil, json.Number("1"), json.Number("2"):
		return nil
	}
	return badProperty("Application", "requestedAccessTokenVersion")
}

// Both are of an index: they are asked for each token.
const (
	versionQuery = `SELECT client_id, CASE json_type(body, '$.api.requestedAccessTokenVersion') WHEN 'integer' THEN json_extract(body, '$.api.requestedAccessTokenVersion') END IS 2
FROM application WHERE `
	versionByClientID = versionQuery + `client_id = ?`
	versionByURI      = versionQuery + `object_id = (SELECT application FROM identifier_uri WHERE key = ?)`
)

// TokenVersion returns the version of tokens that the application behind a resource takes,
// with its client id: what it was registered with as requestedAccessTokenVersion, 1 when
// that says nothing. A resource is an identifier URI, a client id, or api://CLIENT-ID. An
// unknown one has version 0.
func (d *Directory) TokenVersion(ctx context.Context, resource string) (version int, clientID string, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var second bool
		err := tx.QueryRowContext(ctx, versionByClientID, strings.TrimPrefix(fold(resource), "api://")).Scan(&clientID, &second)
		if errors.Is(err, sql.ErrNoRows) {
			err = tx.QueryRowContext(ctx, versionByURI, fold(resource)).Scan(&clientID, &second)
		}
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		case second:
			version = 2
		default:
			version = 1
		}
		return nil
	})
	return version, clientID, err
}
