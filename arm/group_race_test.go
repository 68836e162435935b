package arm

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestDeletedGroupStaysDeleted: a change of its tags that was under way does not bring it
// back.
func TestDeletedGroupStaysDeleted(t *testing.T) {
	w := newWorld(t)
	for range 50 {
		w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
		begin := make(chan struct{})
		var both sync.WaitGroup
		for method, body := range map[string]string{http.MethodDelete: "", http.MethodPatch: `{"tags":{"a":"b"}}`} {
			r := httptest.NewRequestWithContext(t.Context(), method, w.path(rg)+api, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer owner")
			both.Go(func() {
				<-begin
				w.api.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		close(begin)
		both.Wait()
		if text := w.want(t, http.StatusNotFound, "owner", "GET", rg+api, ""); t.Failed() {
			t.Fatal(text)
		}
	}
}
