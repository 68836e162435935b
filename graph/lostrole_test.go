package graph

import (
	"io"
	"net/http"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// TestLostRoleEndsOperationsUnderWay: a request whose content is still on its way when its caller
// loses the role does nothing.
func TestLostRoleEndsOperationsUnderWay(t *testing.T) {
	w := newWorld(t)
	in, out := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, w.URL+"/v1.0/users/"+w.alice.ObjectID, in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer owner")
	// The server asks for the content when it is about to read it.
	r.Header.Set("Expect", "100-continue")
	transport := w.Client().Transport.(*http.Transport).Clone()
	transport.ExpectContinueTimeout = 1 << 40
	status := make(chan int)
	go func() {
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			status <- 0
			return
		}
		defer resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := io.WriteString(out, `{"displayName":`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.UpdateServicePrincipal(t.Context(), nil, w.owner.ObjectID, directory.ServicePrincipalChange{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(out, `"x"}`)
	_ = out.Close()
	if got := <-status; got != http.StatusForbidden {
		t.Errorf("%d", got)
	}
}
