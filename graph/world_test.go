package graph

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// tokens verifies by looking up; signatures are tested where they are made.
type tokens map[string]midas.Principal

func (t tokens) Verify(_ context.Context, raw string) (midas.Principal, error) {
	p, ok := t[raw]
	if !ok {
		return midas.Principal{}, midas.Errorf(midas.Unauthenticated, "signature by an unknown key")
	}
	if p.TokenID == "expired" {
		err := midas.Errorf(midas.Unauthenticated, "token expired 4 min ago")
		err.Public = true
		return midas.Principal{}, err
	}
	return p, nil
}

const (
	graphAudience = "https://graph.microsoft.com"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a running API over a real directory. Its tokens are "owner", an application
// that is Owner of the subscription, "reader", one that is Reader, "app", one without
// any role, and "alice", a user without any role.
type world struct {
	*httptest.Server
	dir                *directory.Directory
	tokens             tokens
	owner, reader, app directory.ServicePrincipal
	alice              directory.User
}

func newWorld(t *testing.T) *world {
	t.Helper()
	fatal := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &world{tokens: tokens{}}
	var err error
	now := func() time.Time { return noon }
	w.dir, err = directory.Open(t.Context(), directory.Config{Path: filepath.Join(t.TempDir(), "directory.db"), Now: now})
	fatal(err)
	for name, into := range map[string]*directory.ServicePrincipal{"owner": &w.owner, "reader": &w.reader, "app": &w.app} {
		*into, _, err = w.dir.CreateApplication(t.Context(), name)
		fatal(err)
		w.tokens[name] = midas.Principal{ObjectID: into.ObjectID, ClientID: into.ClientID, AppOnly: true, Audience: graphAudience}
	}
	fatal(w.dir.AssignOwner(t.Context(), w.owner.ObjectID))
	const readerRole = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	_, subscription := w.dir.Tenant()
	_, _, err = w.dir.PutRoleAssignment(t.Context(), nil, directory.RoleAssignment{
		Name: "bbbbbbbb-0000-4000-8000-000000000001", PrincipalID: w.reader.ObjectID, RoleID: readerRole, Scope: "/subscriptions/" + subscription,
	}, "")
	fatal(err)
	w.alice, err = w.dir.CreateUser(t.Context(), nil, directory.UserChange{UPN: new("alice@contoso.example"), DisplayName: new("Alice"), MailNickname: new("alice")})
	fatal(err)
	// A person's token names the application through which they came, here the owner's.
	w.tokens["alice"] = midas.Principal{ObjectID: w.alice.ObjectID, ClientID: w.owner.ClientID, Audience: graphAudience}
	api, err := New(Config{Directory: w.dir, Verifier: w.tokens, BaseURL: func() string { return w.URL }, Now: now})
	fatal(err)
	w.Server = httptest.NewTLSServer(api)
	t.Cleanup(func() {
		w.Close()
		_ = w.dir.Close()
	})
	return w
}

// answerOf is a decoded answer.
type answerOf struct {
	*http.Response
	text string
	body map[string]any
}

// do sends a request as the holder of token ("" for none). A path that does not begin
// with https is below /v1.0.
func (w *world) do(t *testing.T, token, method, path, body string) answerOf {
	t.Helper()
	target := path
	if !strings.HasPrefix(path, "https://") {
		target = w.URL + "/v1.0" + path
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, content)
	if err != nil {
		t.Fatal(err)
	}
	return w.send(t, token, r)
}

// send sends a request as the holder of token.
func (w *world) send(t *testing.T, token string, r *http.Request) answerOf {
	t.Helper()
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answerOf{Response: resp, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a
}

// want sends a request as owner and fails unless the answer has that status.
func (w *world) want(t *testing.T, status int, method, path, body string) answerOf {
	t.Helper()
	a := w.do(t, "owner", method, path, body)
	if a.StatusCode != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, a.StatusCode, a.text, status)
	}
	return a
}

func (a answerOf) get(path ...string) any {
	var at any = a.body
	for _, key := range path {
		inner, _ := at.(map[string]any)
		at = inner[key]
	}
	return at
}

func (a answerOf) str(path ...string) string {
	s, _ := a.get(path...).(string)
	return s
}

// column is one member of each element of a collection.
func (a answerOf) column(name string) string {
	var all []string
	value, _ := a.body["value"].([]any)
	for _, item := range value {
		switch item := item.(type) {
		case string:
			all = append(all, item)
		case map[string]any:
			s, _ := item[name].(string)
			all = append(all, s)
		}
	}
	return strings.Join(all, ",")
}
