package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestNamesOfOtherServicesAreNoIdentifierURIs(t *testing.T) {
	d, err := Open(t.Context(), Config{
		Path:              filepath.Join(t.TempDir(), "directory.db"),
		ReservedAudiences: func() []string { return []string{"https://management.azure.com/", midas.ResourceAppID} },
	})
	must(t)(err)
	defer d.Close()
	register := func(uris ...string) (Application, error) {
		return d.RegisterApplication(t.Context(), nil, ApplicationChange{Name: new("app"), IdentifierURIs: &uris})
	}
	first, err := register("https://management.azure.com/orders", "api://orders")
	must(t)(err)
	own := []string{"api://" + first.ClientID}
	_, err = d.UpdateApplication(t.Context(), nil, first.ObjectID, ApplicationChange{IdentifierURIs: &own})
	must(t)(err)
	for uri, want := range map[string]midas.Code{
		"https://management.azure.com": midas.Invalid, "HTTPS://Management.azure.com//": midas.Invalid,
		midas.ResourceAppID: midas.Invalid, "api://" + midas.ResourceAppID + "/": midas.Invalid,
		first.ClientID: midas.Conflict, "API://" + strings.ToUpper(first.ClientID): midas.Conflict,
	} {
		_, err := register(uri)
		if midas.CodeOf(err) != want {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestRequestedTokenVersionIsOneThatThereIs(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	a, err := d.RegisterApplication(ctx, nil, ApplicationChange{Name: new("app")})
	must(t)(err)
	for value, ok := range map[string]bool{"null": true, "1": true, "2": true, "3": false, "0": false, `"2"`: false, "2.0": false, "true": false, "{}": false} {
		_, err := d.UpdateApplication(ctx, nil, a.ObjectID, ApplicationChange{Body: json.RawMessage(`{"api":{"requestedAccessTokenVersion":` + value + `}}`)})
		if ok != (err == nil) || !ok && midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", value, err)
		}
		// What a midas kept that looked at nothing.
		must(t)(d.write(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE application SET body = ?`, `{"api":{"requestedAccessTokenVersion":`+value+`}}`)
			return err
		}))
		want := 1
		if value == "2" {
			want = 2
		}
		if version, _, err := d.TokenVersion(ctx, a.ClientID); err != nil || version != want {
			t.Errorf("kept %s: version %d, %v", value, version, err)
		}
		_, err = d.UpdateApplication(ctx, nil, a.ObjectID, ApplicationChange{Body: json.RawMessage(`{"api":null}`)})
		must(t)(err)
	}
}

// TestTokenVersionScansNothing: it is asked for each token.
func TestTokenVersionScansNothing(t *testing.T) {
	d := fresh(t)
	for _, query := range []string{versionByClientID, versionByURI} {
		rows, err := d.reader.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, "x")
		must(t)(err)
		defer rows.Close()
		steps := 0
		for ; rows.Next(); steps++ {
			var id, parent, unused int
			var step string
			must(t)(rows.Scan(&id, &parent, &unused, &step))
			if strings.Contains(step, "SCAN application") || strings.Contains(step, "SCAN identifier_uri") {
				t.Errorf("%s: %s", query, step)
			}
		}
		must(t)(rows.Err())
		if steps == 0 {
			t.Error("no plan")
		}
	}
}
