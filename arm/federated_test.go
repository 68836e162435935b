package arm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

const (
	federated = ids + "app/federatedIdentityCredentials"
	github    = `{"properties":{"issuer":"https://token.actions.githubusercontent.com","subject":"repo:o/r:ref:refs/heads/main","audiences":["api://AzureADTokenExchange"]}}`
)

func TestFederatedCredentials(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	text := w.want(t, http.StatusCreated, "owner", "PUT", federated+"/fic1"+api, github)
	var one struct {
		ID, Name, Type string
		Properties     struct {
			Issuer, Subject string
			Audiences       []string
		}
	}
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		t.Fatal(err)
	}
	id := "/subscriptions/" + w.sub + "/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app/federatedIdentityCredentials/fic1"
	if one.ID != id || one.Name != "fic1" || one.Type != "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials" ||
		one.Properties.Subject != "repo:o/r:ref:refs/heads/main" || one.Properties.Audiences[0] != "api://AzureADTokenExchange" {
		t.Errorf("%s", text)
	}
	w.want(t, http.StatusOK, "owner", "PUT", federated+"/FIC1"+api, strings.Replace(github, "main", "next", 1))
	if text := w.want(t, http.StatusOK, "owner", "GET", federated+"/fic1"+api, ""); !strings.Contains(text, "refs/heads/next") || !strings.Contains(text, `"name":"fic1"`) {
		t.Error(text)
	}
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", federated+api, "")); len(got) != 1 || got[0] != "fic1" {
		t.Error(got)
	}
	w.want(t, http.StatusNotFound, "owner", "GET", federated+"/none"+api, "")
	w.want(t, http.StatusNotFound, "owner", "PUT", ids+"nobody/federatedIdentityCredentials/fic1"+api, github)
	w.want(t, http.StatusNotFound, "owner", "GET", ids+"nobody/federatedIdentityCredentials"+api, "")
	w.want(t, http.StatusOK, "owner", "DELETE", federated+"/fic1"+api, "")
	w.want(t, http.StatusNoContent, "owner", "DELETE", federated+"/fic1"+api, "")
}

func TestFederatedCredentialsRefuse(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.want(t, http.StatusCreated, "owner", "PUT", federated+"/fic1"+api, github)
	for name, c := range map[string]struct {
		credential, body, code string
		status                 int
	}{
		"the same twice":   {"fic2", github, "Conflict", 409},
		"no subject":       {"fic2", `{"properties":{"issuer":"https://h","audiences":["a"]}}`, "BadRequest", 400},
		"no audience":      {"fic2", `{"properties":{"issuer":"https://h","subject":"s","audiences":[]}}`, "BadRequest", 400},
		"two audiences":    {"fic2", `{"properties":{"issuer":"https://h","subject":"s","audiences":["a","b"]}}`, "BadRequest", 400},
		"no properties":    {"fic2", `{}`, "BadRequest", 400},
		"issuer is no URL": {"fic2", `{"properties":{"issuer":"github","subject":"s","audiences":["a"]}}`, "BadRequest", 400},
		"issuer of a user": {"fic2", `{"properties":{"issuer":"https://u:p@h","subject":"s","audiences":["a"]}}`, "BadRequest", 400},
		"short name":       {"ab", github, "BadRequest", 400},
		"long name":        {strings.Repeat("a", 121), github, "BadRequest", 400},
		"odd name":         {"-fic", github, "BadRequest", 400},
		"long subject":     {"fic2", `{"properties":{"issuer":"https://h","subject":"` + strings.Repeat("s", 601) + `","audiences":["a"]}}`, "BadRequest", 400},
		"control bytes":    {"fic2", `{"properties":{"issuer":"https://h","subject":"a\u0000b","audiences":["a"]}}`, "BadRequest", 400},
		"not an object":    {"fic2", `[]`, "InvalidRequestContent", 400},
	} {
		if text := w.want(t, c.status, "owner", "PUT", federated+"/"+c.credential+api, c.body); !strings.Contains(text, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %s", name, text)
		}
	}
	for n := range 19 {
		w.want(t, http.StatusCreated, "owner", "PUT", federated+fmt.Sprint("/more", n)+api, strings.Replace(github, "main", fmt.Sprint(n), 1))
	}
	if text := w.want(t, http.StatusConflict, "owner", "PUT", federated+"/toomany"+api, strings.Replace(github, "main", "last", 1)); !strings.Contains(text, "Too many") {
		t.Error(text)
	}
	// A Reader of the identity must not decide which outside token is it.
	w.grant(t, w.principal(t, "reader"), "Reader", rg)
	w.want(t, http.StatusOK, "reader", "GET", federated+api, "")
	w.want(t, http.StatusForbidden, "reader", "PUT", federated+"/mine"+api, github)
	w.grant(t, w.principal(t, "operator"), "Managed Identity Operator", rg)
	w.want(t, http.StatusForbidden, "operator", "PUT", federated+"/mine"+api, github)
	w.grant(t, w.principal(t, "keeper"), "Managed Identity Contributor", rg)
	w.want(t, http.StatusOK, "keeper", "DELETE", federated+"/fic1"+api, "")
	w.want(t, http.StatusCreated, "keeper", "PUT", federated+"/fic1"+api, github)
}

// keysOf stands for the issuer.
type keysOf struct{ now, revoke bool }

func (*keysOf) PublishedKeys() []token.KeyInfo {
	return []token.KeyInfo{{ID: "k2", State: "next", Published: time.Unix(1, 0).UTC()}, {ID: "k1", State: "signing", Published: time.Unix(1, 0).UTC(), Signing: time.Unix(2, 0).UTC()}}
}

func (k *keysOf) RotateKeys(_ context.Context, now, revoke bool) ([]token.KeyInfo, error) {
	if !now {
		return nil, midas.Errorf(midas.Conflict, "too new")
	}
	k.now, k.revoke = now, revoke
	return k.PublishedKeys(), nil
}

func TestSigningKeysAreTheOwnersToChange(t *testing.T) {
	w := newWorld(t)
	const path = sub + "/providers/Midas.Identity/signingKeys"
	w.want(t, http.StatusNotFound, "owner", "GET", path+api, "") // none here
	keys := &keysOf{}
	cfg := w.api.Config
	cfg.SigningKeys = keys
	changed, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	*w.api = *changed
	if text := w.want(t, http.StatusOK, "owner", "GET", path+api, ""); !strings.Contains(text, `"keyId":"k1"`) || !strings.Contains(text, `"signingSince":"1970-01-01T00:00:02Z"`) {
		t.Error(text)
	}
	w.want(t, http.StatusConflict, "owner", "POST", path+"/rotate"+api, `{}`)
	w.grant(t, w.principal(t, "contributor"), "Contributor", sub)
	w.want(t, http.StatusOK, "contributor", "GET", path+api, "")
	w.want(t, http.StatusForbidden, "contributor", "POST", path+"/rotate"+api, `{"now":true}`)
	if keys.now {
		t.Error("a contributor changed the keys")
	}
	w.want(t, http.StatusOK, "owner", "POST", path+"/rotate"+api, `{"now":true,"revoke":true}`)
	if !keys.now || !keys.revoke {
		t.Errorf("%+v", keys)
	}
}

// TestFederatedCredentialsArePaged as other lists are.
func TestFederatedCredentialsArePaged(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	var want []string
	for i := range 3 {
		name := fmt.Sprintf("fic%d", i)
		w.want(t, http.StatusCreated, "owner", "PUT", federated+"/"+name+api, strings.Replace(github, "main", name, 1))
		want = append(want, name)
	}
	var got []string
	for next := federated + api + "&$top=2"; next != ""; {
		text := w.want(t, http.StatusOK, "owner", "GET", next, "")
		page := names(t, text)
		got = append(got, page...)
		_, link, more := strings.Cut(text, `"nextLink":"https://localhost:7443`)
		if next = ""; more {
			next, _, _ = strings.Cut(link, `"`)
			next = strings.ReplaceAll(next, `\u0026`, "&")
		}
		if len(page) > 2 {
			t.Errorf("a page of %d", len(page))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", got, want)
	}
}
