package graph

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// races is how often each race is run: most rounds of one end as if it were none.
const races = 50

// atOnce sends requests of the owner together, each "METHOD path body", and returns the
// statuses of their answers.
func (w *world) atOnce(t *testing.T, requests ...string) []int {
	t.Helper()
	statuses := make([]int, len(requests))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, request := range requests {
		part := strings.SplitN(request, " ", 3)
		r := httptest.NewRequestWithContext(t.Context(), part[0], "/v1.0"+part[1], strings.NewReader(part[2]))
		r.Header.Set("Authorization", "Bearer owner")
		all.Go(func() {
			<-begin
			answer := httptest.NewRecorder()
			w.Config.Handler.ServeHTTP(answer, r)
			statuses[i] = answer.Code
		})
	}
	close(begin)
	all.Wait()
	return statuses
}

// federation returns the path of the application's federated credentials, and the body
// that makes the one of that name.
func (w *world) federation(t *testing.T) (all string, body func(name, subject string) string) {
	t.Helper()
	return "/applications(appId='" + w.app.ClientID + "')/federatedIdentityCredentials", func(name, subject string) string {
		return fmt.Sprintf(`{"name":%q,"issuer":"https://issuer.example","subject":%q,"audiences":["api://AzureADTokenExchange"]}`, name, subject)
	}
}

// TestDeletedFederatedCredentialStaysDeleted: a change that was under way does not bring
// it back.
func TestDeletedFederatedCredentialStaysDeleted(t *testing.T) {
	w := newWorld(t)
	all, body := w.federation(t)
	for range races {
		w.want(t, http.StatusCreated, "POST", all, body("fic", "s"))
		got := w.atOnce(t, "DELETE "+all+"/fic ", "PATCH "+all+`/fic {"description":"new"}`)
		if got[0] != http.StatusNoContent || got[1] != http.StatusNoContent && got[1] != http.StatusNotFound {
			t.Fatalf("statuses %d", got)
		}
		if left := w.want(t, http.StatusOK, "GET", all, ""); left.column("id") != "" {
			t.Fatalf("after its deletion, statuses %d: %s", got, left.text)
		}
	}
}

// TestFederatedCredentialKeepsBothChanges: a subject that was replaced is not trusted again
// since somebody described the credential meanwhile.
func TestFederatedCredentialKeepsBothChanges(t *testing.T) {
	w := newWorld(t)
	all, body := w.federation(t)
	w.want(t, http.StatusCreated, "POST", all, body("fic", "s"))
	for i := range races {
		subject, description := fmt.Sprint("subject ", i), fmt.Sprint("description ", i)
		got := w.atOnce(t, fmt.Sprintf(`PATCH %s/fic {"subject":%q}`, all, subject), fmt.Sprintf(`PATCH %s/fic {"description":%q}`, all, description))
		one := w.want(t, http.StatusOK, "GET", all+"/fic", "")
		if !slices.Equal(got, []int{http.StatusNoContent, http.StatusNoContent}) || one.str("subject") != subject || one.str("description") != description {
			t.Fatalf("round %d, statuses %d: %s", i, got, one.text)
		}
	}
}

// TestFederatedCredentialIsCreatedOnce: of two requests for one name, one is told that it
// is taken.
func TestFederatedCredentialIsCreatedOnce(t *testing.T) {
	w := newWorld(t)
	all, body := w.federation(t)
	for i := range races {
		got := w.atOnce(t, "POST "+all+" "+body("fic", "one"), "POST "+all+" "+body("FIC", "other"))
		winner := "one"
		if got[0] != http.StatusCreated {
			winner = "other"
		}
		slices.Sort(got)
		one := w.want(t, http.StatusOK, "GET", all+"/fic", "")
		if !slices.Equal(got, []int{http.StatusCreated, http.StatusBadRequest}) || one.str("subject") != winner {
			t.Fatalf("round %d, statuses %d: %s", i, got, one.text)
		}
		w.want(t, http.StatusNoContent, "DELETE", all+"/fic", "")
	}
}
