package graph

import (
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/guid"
)

func TestReferences(t *testing.T) {
	const id = "cccccccc-0000-4000-8000-000000000001"
	for _, reference := range []string{
		"https://graph.microsoft.com/v1.0/directoryObjects/" + id, "https://elsewhere.example/v1.0/users/" + id, id,
		"https://graph.microsoft.com/v1.0/directoryObjects('" + id + "')", "directoryObjects/" + id, "/v1.0/groups/" + id,
	} {
		if got, err := referenceID(reference); got != id || err != nil {
			t.Errorf("%s: %s, %v", reference, got, err)
		}
	}
	for _, reference := range []string{
		"", "x", "https://graph.microsoft.com/v1.0/users/alice@contoso.example", "https://graph.microsoft.com/v1.0/users/" + id + "/",
		"directoryObjects('" + id, "https://h/" + strings.ToUpper(id)[:35], "%zz",
	} {
		if got, err := referenceID(reference); err == nil {
			t.Errorf("%s was taken for %s", reference, got)
		}
	}
}

// FuzzKeys: what a key in parentheses or a reference gives is what is written there, or
// nothing at all.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{
		"users", "users('a@b.example')", "users('o''neill@b')", "servicePrincipals(appId='x')", "users(appId='x')", "users(", "users('')",
		"users('a'b')", "applications( appId='x')", "https://graph.microsoft.com/v1.0/directoryObjects/cccccccc-0000-4000-8000-000000000001",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := referenceID(text); err == nil && (!guid.Valid(id) || !strings.Contains(text, id) && !strings.Contains(text, "%")) {
			t.Fatalf("%q refers to %q", text, id)
		}
		name, key, keyed, err := splitKey(text)
		switch {
		case err != nil:
			if name+key+keyed != "" {
				t.Fatalf("%q was refused and is %q, %q", text, name, key)
			}
		case key == "":
			if name != text || keyed != "" {
				t.Fatalf("%q became %q", text, name)
			}
		default:
			if !strings.HasPrefix(text, name+"(") || !strings.HasSuffix(text, "'"+strings.ReplaceAll(key, "'", "''")+"')") {
				t.Fatalf("%q became %q with the key %q", text, name, key)
			}
			if keyed != "" && keyed != "appid" {
				t.Fatalf("%q has the key property %q", text, keyed)
			}
		}
	})
}
