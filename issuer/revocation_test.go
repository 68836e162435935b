package issuer_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
)

// meddler does something to the directory right after a person was looked up: what may
// happen at the same time.
type meddler struct {
	issuer.People
	then func(context.Context) error
}

func (m *meddler) done(ctx context.Context, u midas.User, err error) (midas.User, error) {
	if then := m.then; err == nil && then != nil {
		m.then = nil
		err = then(ctx)
	}
	return u, err
}

func (m *meddler) CheckPassword(ctx context.Context, upn, password string) (midas.User, error) {
	u, err := m.People.CheckPassword(ctx, upn, password)
	return m.done(ctx, u, err)
}

func (m *meddler) UserByID(ctx context.Context, id string) (midas.User, error) {
	u, err := m.People.UserByID(ctx, id)
	return m.done(ctx, u, err)
}

// departures are the ways in which a sign-in ends.
func (r *realm) departures(t testing.TB) map[string]func(context.Context) error {
	update := func(c directory.UserChange) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.directory.UpdateUser(ctx, nil, alice, c)
			return err
		}
	}
	yes := true
	return map[string]func(context.Context) error{
		"another password":      update(directory.UserChange{Password: text("Another good password 1")}),
		"a password to change":  update(directory.UserChange{MustChange: &yes}),
		"disabled":              update(directory.UserChange{Enabled: new(bool)}),
		"all sign-ins revoked":  func(ctx context.Context) error { return r.directory.RevokeUserGrants(ctx, r.userID) },
		"the person is deleted": func(ctx context.Context) error { _, err := r.directory.DeleteUser(ctx, nil, alice); return err },
		"disabled and enabled": func(ctx context.Context) error {
			if err := update(directory.UserChange{Enabled: new(bool)})(ctx); err != nil {
				return err
			}
			return update(directory.UserChange{Enabled: &yes})(ctx)
		},
	}
}

// TestRevocationBeatsWhatRunsAtTheSameTime revokes between a check and the grant that
// rests on it, and between a device's sign-in and its poll.
func TestRevocationBeatsWhatRunsAtTheSameTime(t *testing.T) {
	var names []string
	for name := range new(realm).departures(t) {
		names = append(names, name)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			m := &meddler{}
			r := newRealm(t, func(c *issuer.Config) { m.People, c.People = c.People, m })
			depart := r.departures(t)[name]
			_, doc := r.signIn(t)
			refresh, _ := doc["refresh_token"].(string)
			deviceCode, userCode := r.device(t)
			if status, page := r.typed(t, nil, "code", userCode, "upn", alice, "password", password); status != http.StatusOK {
				t.Fatal(status, page)
			}
			m.then = depart
			status, doc := r.post(t, r.v2(), "grant_type", "refresh_token", "client_id", azureCLI, "refresh_token", refresh, "scope", "openid offline_access")
			refused(t, "refresh", status, doc, 400, "invalid_grant", "AADSTS70000")
			if m.then != nil {
				t.Fatal("nothing happened in between")
			}
			r.pass(5 * time.Second)
			status, doc = r.poll(t, deviceCode)
			refused(t, "device code", status, doc, 400, "invalid_grant", "AADSTS70000")
		})
		t.Run(name+", at a first sign-in", func(t *testing.T) {
			m := &meddler{}
			r := newRealm(t, func(c *issuer.Config) { m.People, c.People = c.People, m })
			m.then = r.departures(t)[name]
			status, doc := r.signIn(t)
			refused(t, "password", status, doc, 400, "invalid_grant", "AADSTS70000")
		})
	}
}
