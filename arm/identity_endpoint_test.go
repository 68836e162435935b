package arm

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What makes a program a machine ends: after what was asked for, and after a day at most.
func TestIdentityEndpointEnds(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	now := time.Date(2026, 11, 29, 12, 0, 0, 5, time.UTC)
	w.api.Now = func() time.Time { return now }
	for body, want := range map[string]time.Duration{
		"": 24 * time.Hour, "{}": 24 * time.Hour, `{"lifetimeSeconds": 60}`: time.Minute, `{"lifetimeSeconds": 999999999999}`: 24 * time.Hour,
	} {
		var answer struct{ IdentityHeader, ExpiresOn string }
		if err := json.Unmarshal([]byte(w.want(t, http.StatusOK, "owner", "POST", vms+"vm/listIdentityEndpoint"+api, body)), &answer); err != nil {
			t.Fatal(err)
		}
		until := now.Add(want).Truncate(time.Second)
		parts := strings.Split(answer.IdentityHeader, ".")
		if answer.ExpiresOn != until.Format(time.RFC3339) || len(parts) != 3 || parts[1] != strconv.FormatInt(until.Unix(), 10) {
			t.Errorf("%s: %+v, want an end at %s", body, answer, until)
		}
	}
	for _, body := range []string{`{"lifetimeSeconds": 0}`, `{"lifetimeSeconds": -1}`, `{"lifetimeSeconds": "never"}`, `[]`} {
		w.want(t, http.StatusBadRequest, "owner", "POST", vms+"vm/listIdentityEndpoint"+api, body)
	}
}
