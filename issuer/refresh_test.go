package issuer_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/midas-mysql/midas/directory"
)

// refresh trades a refresh token for tokens of a resource.
func (r *realm) refresh(t testing.TB, raw, resource string) (int, map[string]any) {
	t.Helper()
	return r.post(t, r.v2(), "grant_type", "refresh_token", "client_id", azureCLI, "refresh_token", raw, "scope", resource+"/.default offline_access")
}

// grants is how many refresh tokens are kept.
func (r *realm) grants(t testing.TB) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.file+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM refresh_grant`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A client trades one refresh token for tokens of many resources at once, and goes on with
// any of those it got, hours later.
func TestManyResourcesAtOnce(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	first := doc["refresh_token"].(string)
	var got [40]string
	var threads sync.WaitGroup
	for n := range got {
		threads.Go(func() {
			status, doc := r.refresh(t, first, fmt.Sprintf("https://resource-%d.example", n))
			if status != http.StatusOK {
				t.Errorf("resource %d: %d %v", n, status, doc)
				return
			}
			got[n] = doc["refresh_token"].(string)
		})
	}
	threads.Wait()
	for n, raw := range got {
		r.pass(10 * time.Minute)
		if status, doc := r.refresh(t, raw, "https://management.azure.com"); status != http.StatusOK {
			t.Errorf("token %d after %d minutes: %d %v", n, 10*(n+1), status, doc)
		}
	}
}

// One refresh token makes no more than so many rows, by whichever way it is used, and the
// client that used it so goes on.
func TestOneSignInIsBounded(t *testing.T) {
	for name, next := range map[string]func(first, last string) string{
		"the same again and again": func(first, _ string) string { return first },
		"each for the next":        func(_, last string) string { return last },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRealm(t)
			_, doc := r.signIn(t)
			first := doc["refresh_token"].(string)
			last := first
			for n := range 300 {
				status, doc := r.refresh(t, next(first, last), "https://management.azure.com")
				if status != http.StatusOK {
					t.Fatalf("use %d: %d %v", n, status, doc)
				}
				last = doc["refresh_token"].(string)
			}
			if n := r.grants(t); n > 256 {
				t.Errorf("%d refresh tokens of one sign-in are kept", n)
			}
			r.pass(time.Hour)
			if status, doc := r.refresh(t, last, "https://management.azure.com"); status != http.StatusOK {
				t.Errorf("the last one: %d %v", status, doc)
			}
		})
	}
}

// A token that was used and forgotten ends the sign-in when it is used again: who has
// copied one gains nothing by making the others be forgotten.
func TestForgottenRefreshTokenEndsTheSignIn(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	stolen := doc["refresh_token"].(string)
	status, doc := r.refresh(t, stolen, "https://management.azure.com")
	if status != http.StatusOK {
		t.Fatal(status, doc)
	}
	r.pass(3 * time.Minute)
	last := doc["refresh_token"].(string)
	for range 300 { // by the thief
		_, doc = r.refresh(t, last, "https://management.azure.com")
		last = doc["refresh_token"].(string)
	}
	r.pass(3 * time.Minute)
	status, doc = r.refresh(t, stolen, "https://management.azure.com") // by its owner
	refused(t, "forgotten", status, doc, 400, "invalid_grant", "AADSTS70000")
	status, doc = r.refresh(t, last, "https://management.azure.com")
	refused(t, "the thief's", status, doc, 400, "invalid_grant", "AADSTS70000")
	if n := r.grants(t); n != 0 {
		t.Errorf("%d refresh tokens are left", n)
	}
}

// One that has expired and was never used ends nothing: the sign-in goes on elsewhere.
func TestExpiredRefreshTokenEndsNothing(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	first := doc["refresh_token"].(string)
	_, doc = r.refresh(t, first, "https://management.azure.com")
	idle := doc["refresh_token"].(string)
	_, doc = r.refresh(t, first, "https://management.azure.com")
	last := doc["refresh_token"].(string)
	for range 4 {
		r.pass(30 * 24 * time.Hour)
		status, doc := r.refresh(t, last, "https://management.azure.com")
		if status != http.StatusOK {
			t.Fatal(status, doc)
		}
		last = doc["refresh_token"].(string)
	}
	status, doc := r.refresh(t, idle, "https://management.azure.com")
	refused(t, "expired", status, doc, 400, "invalid_grant", "AADSTS700082")
	if status, doc := r.refresh(t, last, "https://management.azure.com"); status != http.StatusOK {
		t.Errorf("another of that sign-in: %d %v", status, doc)
	}
}

// FuzzRefreshToken: what nobody was given is no token, and does not end a sign-in.
func FuzzRefreshToken(f *testing.F) {
	r := newRealm(f)
	_, doc := r.signIn(f)
	good := doc["refresh_token"].(string)
	family := strings.Split(good, ".")[1]
	for _, seed := range []string{"", "1.", "1...", "1.a.b.c", "1.a.zz.c.d", "2" + good[1:], strings.Repeat("1.", 100), good[:10], "1." + family, "1." + family + ".x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.HasPrefix(raw, "1."+family+".") && strings.Count(raw, ".") == 3 {
			return // only holders of such a token know the family
		}
		if status, doc := r.refresh(t, raw, "https://management.azure.com"); status != http.StatusBadRequest {
			t.Fatalf("%q: %d %v", raw, status, doc)
		}
		if n := r.grants(t); n != 1 {
			t.Fatalf("%q: %d refresh tokens are left", raw, n)
		}
	})
}

// Nothing that a token states is remembered with the sign-in: each is made of what is so
// then.
func TestRefreshedTokenNamesTheGroupsOfNow(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	raw := doc["refresh_token"].(string)
	team, err := r.directory.CreateSecurityGroup(t.Context(), nil, directory.SecurityGroupChange{Name: text("team"), MailNickname: text("team"), Members: []string{r.userID}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		status, doc := r.refresh(t, raw, "https://management.azure.com")
		if status != http.StatusOK || len(claims(t, doc).Groups) != want {
			t.Fatalf("%d %v: groups %v, not %d", status, doc["error"], claims(t, doc).Groups, want)
		}
		if want == 1 {
			if err := r.directory.RemoveMember(t.Context(), nil, team.ObjectID, r.userID); err != nil {
				t.Fatal(err)
			}
		}
	}
}
