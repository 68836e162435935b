package graph

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/throttledlog"
)

// Neither strangers nor principals without a role, nor one that repeats what it may do,
// write a line for each request; changes of different things have a line each.
func TestNobodyFillsTheLog(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	api, err := New(Config{Directory: w.dir, Verifier: w.tokens, BaseURL: func() string { return w.URL }, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	api.refusals = throttledlog.New(log, func() time.Time { return noon })
	ask := func(token, method, path, body string) {
		r := httptest.NewRequest(method, "/v1.0"+path, strings.NewReader(body))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		r.Header.Set("Content-Type", "application/json")
		api.ServeHTTP(httptest.NewRecorder(), r)
	}
	alice := "/users/" + w.alice.ObjectID
	for i := range 30 {
		ask("", "POST", fmt.Sprint("/users/", i, strings.Repeat("/x", 500)), "")
		ask("forged", fmt.Sprint("METHOD", i), "/users", "")
		ask("app", "DELETE", fmt.Sprint("/users/", i), "")
		ask("owner", "PATCH", strings.Repeat("/", i%4)+[]string{alice, strings.ToUpper(alice)}[i%2], `{"displayName":"Alice"}`)
		ask("owner", "GET", alice, "")
	}
	for i := range 3 {
		w.want(t, http.StatusCreated, "POST", "/applications", `{"displayName":"a"}`)
		ask("owner", "PATCH", fmt.Sprintf("/applications(appId='%s')", w.app.ClientID), fmt.Sprintf(`{"displayName":"%d"}`, i))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Errorf("%d lines, want one of strangers, one of the application without a role and one for each of two changed things:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if len(line) > 1024 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
