package token_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

func TestOutsideIsThePublicInternet(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("::ffff:10.8.0.0/109")}
	for address, want := range map[string]bool{
		"8.8.8.8:443": true, "[2606:4700::1111]:443": true, "140.82.112.3:443": true,
		"10.1.2.3:443": true, "[::1]:443": true, "[::ffff:10.1.2.3]:443": true, "10.9.0.1:443": true, "[::ffff:10.9.0.1]:443": true, // allowed

		"127.0.0.1:443": false, "[::ffff:127.0.0.1]:443": false, "0.0.0.0:443": false, "[::]:443": false, "127.1.2.3:80": false,
		"10.2.0.1:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "100.64.0.1:443": false, "100.100.100.200:80": false,
		"169.254.169.254:80": false, "[::ffff:169.254.169.254]:80": false, "168.63.129.16:80": false, "[fd00:ec2::254]:80": false,
		"[fe80::1%eth0]:443": false, "[fc00::1]:443": false, "[fec0::1]:443": false, "[64:ff9b::7f00:1]:443": false, "[64:ff9b::a9fe:a9fe]:80": false,
		"[2002:7f00:1::]:443": false, "[2001:0:7f00:1::]:443": false, "[::7f00:1]:443": false, "[2001:db8::1]:443": false,
		"224.0.0.1:443": false, "[ff02::1]:443": false, "255.255.255.255:443": false, "240.0.0.1:443": false,
		"[::ffff:0:a9fe:a9fe]:80": false, "[::ffff:0:8.8.8.8]:443": false, "[3fff::1]:443": false, "[5f00::1]:443": false, "[100:0:0:1::1]:443": false, "[2620:4f:8000::1]:443": false,
		"192.0.2.1:443": false, "198.18.0.1:443": false, "203.0.113.5:443": false,
		"localhost:443": false, "8.8.8.8": false, "": false,
	} {
		if err := token.Outside(address, private); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestNamesAreJudgedByTheAddressTheyLeadTo: "localhost" is a name like any other that
// resolves to an address within.
func TestNamesAreJudgedByTheAddressTheyLeadTo(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	res, err := token.NewOutsideClient(token.OutsideConfig{}).Get("http://localhost:" + port)
	if err == nil {
		res.Body.Close()
	}
	if err == nil || reached || !strings.Contains(err.Error(), "not on the public internet") {
		t.Errorf("reached: %t, %v", reached, err)
	}
	res, err = token.NewOutsideClient(token.OutsideConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}).Get("http://localhost:" + port)
	if err != nil || !reached {
		t.Fatalf("allowed: %v", err)
	}
	res.Body.Close()
}

func TestKeysOfAnIssuer(t *testing.T) {
	w := newWorld(t)
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	named := server.URL + "/tenant/"
	mux.HandleFunc("/tenant/.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": named, "jwks_uri": server.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(jwks(t, published(w.keys)...)) })
	keys := func(issuer string) *token.RemoteKeys {
		r, err := token.NewRemoteKeys(token.RemoteConfig{Issuer: issuer, Client: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if _, err := keys(named).Key(t.Context(), "k1"); err != nil {
		t.Error(err)
	}
	if _, err := keys(named).Key(t.Context(), "k9"); midas.CodeOf(err) != midas.NotFound {
		t.Errorf("unknown key: %v", err)
	}
	// The same document, but of an issuer whose name has no final slash.
	if _, err := keys(strings.TrimSuffix(named, "/")).Key(t.Context(), "k1"); midas.CodeOf(err) != midas.Unavailable || !strings.Contains(err.Error(), "is of issuer") {
		t.Errorf("another issuer's document: %v", err)
	}
	for _, issuer := range []string{"http://127.0.0.1/", "https://user@h/", "https:///x", "ftp://h", "::", "https://h/?a=b", "https://h/#f", "https://h/#", "https://h#"} {
		if _, err := token.NewRemoteKeys(token.RemoteConfig{Issuer: issuer}); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	if _, err := token.NewRemoteKeys(token.RemoteConfig{Issuer: "http://h/", InsecureHTTP: true}); err != nil {
		t.Error(err)
	}
}
