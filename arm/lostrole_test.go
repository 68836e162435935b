package arm

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// slowly begins a request of the holder of token, and returns what ends it. When it has
// returned, the request is past its head.
func (w *world) slowly(t *testing.T, token, method, path, body string) (end func() int) {
	t.Helper()
	in, out := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+strings.ReplaceAll(path, "{sub}", w.sub), in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	// The server asks for the content when it is about to read it.
	r.Header.Set("Expect", "100-continue")
	client := *w.Client()
	client.Transport = &http.Transport{ExpectContinueTimeout: 1 << 40}
	status := make(chan int)
	go func() {
		resp, err := client.Do(r)
		if err != nil {
			status <- 0
			return
		}
		defer resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := io.WriteString(out, body[:1]); err != nil {
		t.Fatal(err)
	}
	return func() int {
		_, _ = io.WriteString(out, body[1:])
		_ = out.Close()
		return <-status
	}
}

// TestLostRoleEndsOperationsUnderWay: a request whose content is still on its way when its caller
// loses the role does nothing, least of all to give the role back.
func TestLostRoleEndsOperationsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "leaver")
	grant := w.grant(t, who, "Owner", rg)
	const again = rg + "/providers/Microsoft.Authorization/roleAssignments/dddddddd-0000-4000-8000-000000000001"
	back := w.slowly(t, "leaver", "PUT", again+api, w.assignment("Owner", who))
	tags := w.slowly(t, "leaver", "PATCH", vms+"vm"+api, `{"tags":{"by":"leaver"}}`)
	w.want(t, http.StatusOK, "owner", "DELETE", grant+api, "")
	for name, end := range map[string]func() int{"role": back, "tags": tags} {
		if status := end(); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	w.want(t, http.StatusForbidden, "leaver", "GET", vms+"vm"+api, "")
}
