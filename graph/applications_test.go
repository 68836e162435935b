package graph

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestApplication(t *testing.T) {
	w := newWorld(t)
	a := w.want(t, http.StatusCreated, "POST", "/applications", `{"displayName":"my app","identifierUris":["api://my"],"web":{"redirectUris":["https://localhost"]}}`)
	id, client := a.str("id"), a.str("appId")
	if len(a.body) != len(applicationEntity.shown)+1 || id == client || a.str("signInAudience") != "AzureADMyOrg" || a.get("web", "implicitGrantSettings", "enableIdTokenIssuance") != false {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusNoContent, "PATCH", "/applications(appId='"+client+"')", `{"displayName":"renamed","web":{"homePageUrl":"https://x"},"tags":["a"]}`)
	a = w.want(t, http.StatusOK, "GET", "/applications/"+id+"?$select=displayName,web,tags,identifierUris", "")
	if a.str("displayName") != "renamed" || a.str("web", "homePageUrl") != "https://x" || len(a.get("web", "redirectUris").([]any)) != 1 {
		t.Errorf("got %s", a.text)
	}
	for filter, want := range map[string]string{
		"appId+eq+'" + client + "'":             id,
		"identifierUris/any(s:s+eq+'api://MY')": id,
		"startswith(displayName,'ren')":         id,
		"displayName+eq+'my+app'":               "",
		"appId+eq+'" + id + "'":                 "",
	} {
		if got := w.want(t, http.StatusOK, "GET", "/applications?$filter="+filter, "").column("id"); got != want {
			t.Errorf("%s: got %s, want %s", filter, got, want)
		}
	}
	w.want(t, http.StatusBadRequest, "POST", "/applications", `{"displayName":"other","identifierUris":["API://my"]}`)
	w.want(t, http.StatusBadRequest, "POST", "/applications", `{"displayName":"other","appId":"`+client+`"}`)
	w.want(t, http.StatusBadRequest, "POST", "/applications", `{"displayName":"other","passwordCredentials":[{"secretText":"mine"}]}`)

	sp := w.want(t, http.StatusCreated, "POST", "/servicePrincipals", `{"appId":"`+client+`","accountEnabled":true}`)
	spID := sp.str("id")
	if len(sp.body) != len(principalEntity.shown)+1 || sp.str("displayName") != "renamed" || sp.str("servicePrincipalType") != "Application" || len(sp.get("servicePrincipalNames").([]any)) != 2 {
		t.Errorf("got %s", sp.text)
	}
	if a := w.want(t, http.StatusConflict, "POST", "/servicePrincipals", `{"appId":"`+client+`"}`); a.str("error", "code") != "Request_MultipleObjectsWithSameKeyValue" {
		t.Errorf("got %s", a.text)
	}
	// az waits and tries again when it reads these words.
	if a := w.want(t, http.StatusBadRequest, "POST", "/servicePrincipals", `{"appId":"`+id+`"}`); !strings.Contains(a.text, "does not reference a valid application object") {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusBadRequest, "POST", "/servicePrincipals", `{}`)
	for _, name := range []string{client, "api://my"} {
		if got := w.want(t, http.StatusOK, "GET", "/servicePrincipals?$filter=servicePrincipalNames/any(c:c+eq+'"+name+"')", "").column("id"); got != spID {
			t.Errorf("%s: got %s", name, got)
		}
	}
	w.want(t, http.StatusNoContent, "PATCH", "/servicePrincipals/"+spID, `{"accountEnabled":false,"notes":"off"}`)
	if a := w.want(t, http.StatusOK, "GET", "/servicePrincipals(appId='"+client+"')", ""); a.get("accountEnabled") != false || a.str("notes") != "off" {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusNoContent, "DELETE", "/applications/"+id, "")
	w.want(t, http.StatusNotFound, "GET", "/servicePrincipals/"+spID, "")
}

func TestSecrets(t *testing.T) {
	w := newWorld(t)
	app, err := w.dir.ApplicationByClientID(t.Context(), w.app.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []string{"/applications/" + app.ObjectID, "/servicePrincipals/" + w.app.ObjectID, "/applications(appId='" + w.app.ClientID + "')"} {
		a := w.want(t, http.StatusOK, "POST", on+"/addPassword", `{"passwordCredential":{"displayName":"rbac","startDateTime":"2026-03-01T12:00:00Z","endDateTime":"2027-03-01T12:00:00Z"}}`)
		secret := a.str("secretText")
		if a.str("endDateTime") != "2027-03-01T12:00:00Z" || a.str("hint") != secret[:3] || a.str("displayName") != "rbac" {
			t.Errorf("got %s", a.text)
		}
		if id, err := w.dir.CheckSecret(t.Context(), w.app.ClientID, secret); err != nil || id.PrincipalID != w.app.ObjectID {
			t.Errorf("%s: %+v, %v", on, id, err)
		}
		if a := w.want(t, http.StatusOK, "GET", on, ""); strings.Contains(a.text, secret) || !strings.Contains(a.text, a.str("keyId")) {
			t.Errorf("the secret is shown again: %s", a.text)
		}
		w.want(t, http.StatusNoContent, "POST", on+"/removePassword", `{"keyId":"`+a.str("keyId")+`"}`)
		w.want(t, http.StatusBadRequest, "POST", on+"/removePassword", `{"keyId":"`+a.str("keyId")+`"}`)
		if _, err := w.dir.CheckSecret(t.Context(), w.app.ClientID, secret); err == nil {
			t.Errorf("%s: a removed secret is good", on)
		}
		w.want(t, http.StatusOK, "POST", on+"/addPassword", "")
		w.want(t, http.StatusBadRequest, "POST", on+"/addPassword", `{"passwordCredential":{"endDateTime":"2020-01-01T00:00:00Z"}}`)
		w.want(t, http.StatusBadRequest, "POST", on+"/addPassword", `{"passwordCredential":{"endDateTime":"soon"}}`)
	}
}

func TestCertificates(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(der)
	credential := func(key string) string {
		return `{"keyCredentials":[{"@odata.type":"#microsoft.graph.keyCredential","displayName":null,"startDateTime":"2026-03-01T12:00:00Z","endDateTime":"2026-03-02T06:00:00Z",` +
			`"key":"` + key + `","keyId":"dddddddd-0000-4000-8000-000000000001","type":"AsymmetricX509Cert","usage":"Verify"}]}`
	}
	on := "/servicePrincipals/" + w.app.ObjectID
	w.want(t, http.StatusNoContent, "PATCH", on, credential(text[:64]+`\n`+text[64:])) // az keeps the line breaks of PEM
	if _, got, err := w.dir.Certificates(t.Context(), w.app.ClientID); err != nil || len(got) != 1 || string(got[0]) != string(der) {
		t.Errorf("%d certificates, %v", len(got), err)
	}
	a := w.want(t, http.StatusOK, "GET", on, "")
	shown := a.get("keyCredentials").([]any)[0].(map[string]any)
	if shown["key"] != nil || len(shown["customKeyIdentifier"].(string)) != 40 || shown["endDateTime"] != "2026-03-02T06:00:00Z" {
		t.Errorf("got %s", a.text)
	}
	if a := w.want(t, http.StatusOK, "GET", on+"?$select=keyCredentials", ""); !strings.Contains(a.text, text) {
		t.Errorf("got %s", a.text)
	}
	// What az sends to add another: those it was shown, without their keys.
	w.want(t, http.StatusNoContent, "PATCH", on, `{"keyCredentials":[{"key":null,"keyId":"dddddddd-0000-4000-8000-000000000001","type":"AsymmetricX509Cert","usage":"Verify","customKeyIdentifier":"x"}]}`)
	for _, bad := range []string{
		credential("!"), credential(""), credential("AAAA"), strings.Replace(credential(text), `"Verify"`, `"Sign"`, 1),
		strings.Replace(credential(text), "AsymmetricX509Cert", "Symmetric", 1), `{"keyCredentials":"x"}`, `{"keyCredentials":[{"keyId":"dddddddd-0000-4000-8000-000000000002"}]}`,
	} {
		w.want(t, http.StatusBadRequest, "PATCH", on, bad)
	}
	if _, got, err := w.dir.Certificates(t.Context(), w.app.ClientID); err != nil || len(got) != 1 {
		t.Errorf("a refusal changed something: %d certificates, %v", len(got), err)
	}
	w.want(t, http.StatusNoContent, "PATCH", on, `{"keyCredentials":[]}`)
	if _, got, err := w.dir.Certificates(t.Context(), w.app.ClientID); err != nil || len(got) != 0 {
		t.Errorf("%d certificates are left, %v", len(got), err)
	}
}

func TestManagedIdentityIsAServicePrincipal(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.dir.PutGroup(t.Context(), nil, "rg", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	m, _, err := w.dir.PutIdentity(t.Context(), nil, "rg", "identity", "eastus", nil)
	if err != nil {
		t.Fatal(err)
	}
	on := "/servicePrincipals/" + m.PrincipalID
	a := w.want(t, http.StatusOK, "GET", on, "")
	names := a.get("alternativeNames").([]any)
	if a.str("servicePrincipalType") != "ManagedIdentity" || a.str("appId") != m.ClientID || len(names) != 2 || names[0] != "isExplicit=True" || names[1] != m.Resource.ID {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusBadRequest, "DELETE", on, "")
	w.want(t, http.StatusBadRequest, "PATCH", on, `{"accountEnabled":false}`)
	w.want(t, http.StatusBadRequest, "POST", on+"/addPassword", "{}")
	w.want(t, http.StatusNotFound, "GET", "/applications(appId='"+m.ClientID+"')", "")
	if got := w.want(t, http.StatusOK, "GET", "/servicePrincipals?$filter=servicePrincipalType+eq+'ManagedIdentity'", "").column("displayName"); got != "identity" {
		t.Errorf("got %s", got)
	}
}
