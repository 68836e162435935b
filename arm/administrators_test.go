package arm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// atOnce sends requests of the owner together, each "METHOD path body", and returns their
// answers.
func (w *world) atOnce(t *testing.T, requests ...string) []*httptest.ResponseRecorder {
	t.Helper()
	answers := make([]*httptest.ResponseRecorder, len(requests))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, request := range requests {
		part := strings.SplitN(strings.ReplaceAll(request, "{sub}", w.sub), " ", 3)
		r := httptest.NewRequestWithContext(t.Context(), part[0], part[1], strings.NewReader(part[2]))
		r.Header.Set("Authorization", "Bearer owner")
		answers[i] = httptest.NewRecorder()
		all.Go(func() {
			<-begin
			w.api.ServeHTTP(answers[i], r)
		})
	}
	close(begin)
	all.Wait()
	return answers
}

// TestDefaultAdministratorsDiffer also where just the beginning of a server's name fits, and
// where servers are made at the same time: the second could not sign in.
func TestDefaultAdministratorsDiffer(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	names := []string{"first"}
	for i := range 12 {
		names = append(names, fmt.Sprintf("production-orders-database-%d", i))
	}
	for range 10 {
		var requests []string
		for _, name := range names {
			requests = append(requests, "PUT "+servers+name+api+` {"location":"eastus"}`)
		}
		w.atOnce(t, requests...)
		seen := map[string]string{}
		for _, name := range names {
			s, err := w.dir.Server(t.Context(), name)
			if err != nil || s.Admin == nil || len(s.Admin.Login) > 32 {
				t.Fatalf("%s: %+v, %v", name, s.Admin, err)
			}
			if other := seen[s.Admin.Login]; other != "" {
				t.Fatalf("%s and %s are both administered by %s", other, name, s.Admin.Login)
			}
			seen[s.Admin.Login] = name
			w.want(t, http.StatusAccepted, "owner", "DELETE", servers+name+api, "")
		}
	}
}

// TestAdministratorHasAnIdentityToCompare: az mysql flexible-server identity remove takes
// that of each administrator for text.
func TestAdministratorHasAnIdentityToCompare(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const admins = servers + "mydb/administrators"
	if text := w.want(t, http.StatusOK, "owner", "GET", admins+api, ""); !strings.Contains(text, `"identityResourceId":""`) {
		t.Error(text)
	}
	text := w.want(t, http.StatusOK, "owner", "GET", admins+"/ActiveDirectory"+api, "")
	if again := w.want(t, http.StatusOK, "owner", "PUT", admins+"/ActiveDirectory"+api, text); again != text {
		t.Errorf("%s, want %s", again, text)
	}
}
