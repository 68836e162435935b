package token_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// TestNestedClaims: what issuers nest is read, and what only costs a decoder its stack is
// refused before it gets there.
func TestNestedClaims(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	claims := func(nested string) map[string]json.RawMessage {
		text, err := json.Marshal(w.claims())
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		all["x"] = json.RawMessage(nested)
		return all
	}
	for nested, ok := range map[string]bool{
		`{"account":{"roles":["manage-account","[[[[[[[[[[[[[[[[[[[["]}}`:   true,
		`{"src1":{"endpoint":"https://graph.windows.net/{[\"[[[[[[[[[[["}}`: true,
		strings.Repeat("[", 15) + strings.Repeat("]", 15):                   true,
		strings.Repeat("[", 16) + strings.Repeat("]", 16):                   false,
		strings.Repeat(`{"":`, 9000) + "1" + strings.Repeat("}", 9000):      false,
		`["\\",` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `]`:  false,
	} {
		raw := w.forge(t, rs256(), claims(nested))
		if _, err := v.Verify(t.Context(), raw); (err == nil) != ok {
			t.Errorf("%.60s: %v", nested, err)
		}
	}
}

// strangers are tokens of the greatest size whose claims cost a decoder most. They name
// an issuer and a key that everybody can know, and nobody signed them.
func (w *world) strangers(tb testing.TB) map[string]string {
	tb.Helper()
	const size = token.MaxSize/4*3 - 1000
	fill := func(format string, size int) string {
		var text strings.Builder
		for i := 0; text.Len() < size; i++ {
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	raws := map[string]string{}
	for name, members := range map[string]string{
		"brackets": `"hasgroups":` + strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"objects":  `"_claim_names":` + strings.Repeat(`{"":`, size/5) + "1" + strings.Repeat("}", size/5),
		"groups":   `"groups":[` + strings.Repeat(`"",`, size/3) + `""]`,
		"members":  fill(`"%x":1,`, size) + `"":1`,
		"names":    `"_claim_names":{` + fill(`"%x":1,`, size) + `"":1}`,
		"escapes":  `"aio":"` + strings.Repeat(`\u0041`, size/6) + `"`,
	} {
		claims := `{"iss":"` + issV1 + `",` + members + `}`
		raws[name] = part(tb, rs256()) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + strings.Repeat("A", 342)
	}
	header := `{"alg":"RS256","kid":"k1",` + fill(`"%x":1,`, 2900) + `"":1}`
	raws["header"] = base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + part(tb, w.claims()) + "." + strings.Repeat("A", 342)
	return raws
}

// TestStrangersPayForTheirClaims: what nobody has signed is not decoded. Allocations stand
// for time, which no test can rely on: decoding makes some for each claim.
func TestStrangersPayForTheirClaims(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	for name, raw := range w.strangers(t) {
		if len(raw) > token.MaxSize {
			t.Fatalf("%s: %d bytes", name, len(raw))
		}
		most := 60.0
		if name == "header" {
			most = 2500 // a header is decoded, so it is short
		}
		if made := testing.AllocsPerRun(5, func() {
			if _, err := v.Verify(t.Context(), raw); midas.CodeOf(err) != midas.Unauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}); made > most {
			t.Errorf("%s: refused after %v allocations, more than %v", name, made, most)
		}
	}
	if _, err := v.Verify(t.Context(), part(t, rs256("x5c", strings.Repeat("A", 4000)))+".e30.AA"); err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("a header longer than any: %v", err)
	}
}

// TestIssuersNestClaims: tokens as issuers write them are read whole.
func TestIssuersNestClaims(t *testing.T) {
	w := newWorld(t)
	const realm = "https://keycloak.example/realms/main"
	v := w.verifier(t, func(c *token.VerifierConfig) {
		c.Issuers = append(c.Issuers, token.Issuer{URLs: []string{realm}, Keys: w.set})
		c.Audiences = append(c.Audiences, "account")
	})
	exp := strconv.FormatInt(w.now.Add(time.Hour).Unix(), 10)
	for name, claims := range map[string]string{
		// Microsoft identity platform, "Groups overage claim" and "Access token claims reference".
		"Entra, more groups than fit": `{"aud":"` + midas.Resource + `","iss":"` + issV1 + `","iat":1,"nbf":1,"exp":` + exp + `,
			"_claim_names":{"groups":"src1"},
			"_claim_sources":{"src1":{"endpoint":"https://graph.windows.net/` + tenant + `/users/` + object + `/getMemberObjects"}},
			"acr":"1","amr":["pwd","mfa"],"appid":"` + client + `","oid":"` + object + `","scp":"user_impersonation","sub":"pairwise",
			"tid":"` + tenant + `","ver":"1.0","wids":["b79fbf4d-3ef9-4689-8143-76b194e85509"],"xms_tcdt":1600000000,
			"xms_cc":["cp1"],"xms_st":{"sub":"` + object + `"},"cnf":{"jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}}}`,
		// Keycloak, Server Administration Guide, "Role mappings"; RFC 9396 section 9.1.
		"Keycloak": `{"iss":"` + strings.ReplaceAll(realm, "/", `\/`) + `","exp":` + exp + `,"aud":["realm-management","account"],"sub":"f:1:ada",
			"realm_access":{"roles":["offline_access","uma_authorization"]},
			"resource_access":{"realm-management":{"roles":["view-realm"]},"account":{"roles":["manage-account"]}},
			"authorization":{"permissions":[{"rsid":"1","scopes":["view"],"claims":{"a":["b"]}}]},
			"authorization_details":[{"type":"mysql","locations":["https://db.example"],"actions":["read"]}],
			"allowed-origins":["*"],"email_verified":true,"name":null}`,
	} {
		p, err := v.Verify(t.Context(), w.forgeRaw(t, part(t, rs256()), base64.RawURLEncoding.EncodeToString([]byte(claims))))
		if err != nil || p.GroupsOmitted != strings.HasPrefix(name, "Entra") || p.Subject == "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
