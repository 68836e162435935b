package issuer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// adfs is the tenant name under which the authority is taken as it is: clients that see
// it ask no public instance whether the authority is genuine.
const adfs = "adfs"

// How long documents may be kept. A key is published two days before it signs, so a key
// set that is a day old would do; an hour is for keys that are revoked.
const (
	documentAge = "max-age=86400, private"
	keySetAge   = "max-age=3600, public"
)

// ourTenant takes our tenant's id and the names that stand for it. "consumers" is not
// among them: there are no personal accounts here.
func (i *Issuer) ourTenant(name string) bool {
	switch strings.ToLower(name) {
	case strings.ToLower(i.tenant), "common", "organizations", adfs:
		return true
	}
	return false
}

// tenantOnly lets through our tenant and the names that stand for it.
func (i *Issuer) tenantOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("tenant")
		if !i.ourTenant(name) {
			i.refuse(w, r, oauthError{
				status: http.StatusBadRequest, code: "invalid_request", number: 90002,
				text: fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", clip.Text(name)),
			})
			return
		}
		next(w, r)
	}
}

// knownOrigin reports whether we are reached at an origin.
func (i *Issuer) knownOrigin(origin string) bool {
	for _, known := range append(i.Origins(), i.base()) {
		if strings.EqualFold(strings.TrimRight(known, "/"), origin) {
			return true
		}
	}
	return false
}

// origin is the address that the links of an answer begin with: the one that was asked,
// when it is one of ours. A name that is not could be anybody's.
func (i *Issuer) origin(r *http.Request) string {
	if asked := "https://" + strings.ToLower(r.Host); i.knownOrigin(asked) {
		return asked
	}
	return i.base()
}

// serveV1 answers with the version 1 document, and with nearly the same under adfs.
//
// The issuer that the documents name is the one in our tokens, whichever address was
// asked, for verifiers compare the two. Only under adfs, where no verifier looks, it is
// the address that was asked: that is what client libraries compare it with there.
func (i *Issuer) serveV1(w http.ResponseWriter, r *http.Request) {
	at := i.origin(r)
	root := at + "/" + r.PathValue("tenant")
	doc := i.document(root, "/oauth2")
	doc["issuer"] = i.v1()
	doc["jwks_uri"] = at + "/common/discovery/keys"
	if strings.EqualFold(r.PathValue("tenant"), adfs) {
		doc["issuer"] = at + "/" + i.tenant + "/"
		doc["jwks_uri"] = at + "/adfs/discovery/v2.0/keys"
	}
	i.cacheable(w, r, documentAge, doc)
}

func (i *Issuer) serveV2(w http.ResponseWriter, r *http.Request) {
	root := i.origin(r) + "/" + r.PathValue("tenant")
	doc := i.document(root, "/oauth2/v2.0")
	doc["issuer"] = i.v2()
	doc["jwks_uri"] = root + "/discovery/v2.0/keys"
	doc["request_uri_parameter_supported"] = false
	i.cacheable(w, r, documentAge, doc)
}

// document has what both versions say.
func (i *Issuer) document(root, endpoints string) map[string]any {
	return map[string]any{
		// There is no interactive sign-in; clients refuse a document without it.
		"authorization_endpoint":                           root + endpoints + "/authorize",
		"token_endpoint":                                   root + endpoints + "/token",
		"device_authorization_endpoint":                    root + endpoints + "/devicecode",
		"token_endpoint_auth_methods_supported":            []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256", "ES256"},
		"grant_types_supported":                            []string{grantClient, grantPassword, grantRefresh, grantDevice},
		"response_types_supported":                         []string{"token"},
		"response_modes_supported":                         []string{"query"},
		"subject_types_supported":                          []string{"pairwise"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"scopes_supported":                                 []string{"openid", "profile", "email", "offline_access"},
		"claims_supported": []string{
			"aud", "iss", "iat", "nbf", "exp", "acr", "amr", "appid", "appidacr", "azp", "azpacr", "family_name", "given_name",
			"groups", "idp", "idtyp", "ipaddr", "name", "oid", "preferred_username", "scp", "sub", "tid", "unique_name", "upn",
			"uti", "ver", "xms_mirid", "xms_az_rid",
		},
		"cloud_instance_name": hostOf(i.base()),
		"msgraph_host":        hostOf(i.base()),
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// jsonWebKey is the public half of a key as it is published. It has no member that a
// private number could get into.
type jsonWebKey struct {
	KeyType     string   `json:"kty"`
	Use         string   `json:"use"`
	KeyID       string   `json:"kid"`
	X5T         string   `json:"x5t"`
	Modulus     string   `json:"n"`
	Exponent    string   `json:"e"`
	Certificate []string `json:"x5c"`
	Issuer      string   `json:"issuer"`
}

// serveKeys publishes the keys, as those of one version's issuer.
func (i *Issuer) serveKeys(issuer func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		listed := i.keys.current.Load().listed
		keys := make([]jsonWebKey, 0, len(listed))
		for _, k := range listed {
			keys = append(keys, jsonWebKey{
				KeyType: "RSA", Use: "sig", KeyID: k.id, X5T: k.id,
				Modulus:     base64.RawURLEncoding.EncodeToString(k.public.N.Bytes()),
				Exponent:    base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.public.E)).Bytes()),
				Certificate: []string{base64.StdEncoding.EncodeToString(k.cert)},
				Issuer:      issuer(),
			})
		}
		i.cacheable(w, r, keySetAge, map[string]any{"keys": keys})
	}
}

// serveInstance tells a client whether an authority is genuine: ours are, at each address
// that we are reached under. Some clients leave out the port when they ask.
// Source: MSAL, "instance discovery".
func (i *Issuer) serveInstance(w http.ResponseWriter, r *http.Request) {
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	var at string
	hosts := []string{}
	if err == nil && asked.Host != "" {
		for _, known := range append(i.Origins(), i.base()) {
			known = strings.TrimRight(known, "/")
			host := hostOf(known)
			if !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
			if name, _, _ := strings.Cut(host, ":"); strings.EqualFold(host, asked.Host) || at == "" && strings.EqualFold(name, asked.Host) {
				at = known
			}
		}
	}
	if at == "" {
		i.refuse(w, r, oauthError{
			status: http.StatusBadRequest, code: "invalid_instance", number: 50049,
			text: "Unknown or invalid instance.",
		})
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimLeft(asked.Path, "/"), "/")
	if tenant == "" {
		tenant = "common"
	}
	preferred := hostOf(at)
	i.cacheable(w, r, documentAge, map[string]any{
		"tenant_discovery_endpoint": at + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{
			"preferred_network": preferred, "preferred_cache": preferred, "aliases": hosts,
		}},
	})
}

// cacheable answers with a document that anybody may keep for a time, and tells who has
// it already that it has not changed.
func (i *Issuer) cacheable(w http.ResponseWriter, r *http.Request, age string, doc any) {
	var body bytes.Buffer
	if err := encode(&body, doc); err != nil {
		i.refuse(w, r, serverError)
		return
	}
	sum := sha256.Sum256(body.Bytes())
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Cache-Control", age)
	h.Set("ETag", tag)
	h.Set("Vary", "Host")
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body.Bytes()) // an error means that the client is gone
}

func answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = encode(w, doc) // an error means that the client is gone
}

func encode(w interface{ Write([]byte) (int, error) }, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
