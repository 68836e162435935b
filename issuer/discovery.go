package issuer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// adfs is the tenant name under which the authority is taken as it is: clients that see
// it ask no public instance whether the authority is genuine.
const adfs = "adfs"

// route lays out the paths. {tenant} is our tenant's id or one of the names that Entra
// takes in its place.
func (i *Issuer) route() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", i.tenantOnly(i.serveV1))
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", i.tenantOnly(i.serveV2))
	mux.HandleFunc("GET /{tenant}/discovery/keys", i.tenantOnly(i.serveKeys))
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", i.tenantOnly(i.serveKeys))
	mux.HandleFunc("GET /common/discovery/instance", i.serveInstance)
	mux.HandleFunc("POST /{tenant}/oauth2/token", i.tenantOnly(i.serveToken(false)))
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", i.tenantOnly(i.serveToken(true)))
	return mux
}

// ServeHTTP implements http.Handler. Doubled slashes are one: client libraries make them
// of a base address that ends in a slash.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if clean := path.Clean("/" + r.URL.Path); clean != r.URL.Path {
		u := *r.URL
		u.Path, u.RawPath = clean, ""
		copied := *r
		copied.URL = &u
		r = &copied
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	i.routes.ServeHTTP(w, r)
}

// tenantOnly lets through our tenant and the names that stand for it.
func (i *Issuer) tenantOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("tenant")
		switch strings.ToLower(name) {
		case strings.ToLower(i.tenant), "common", "organizations", adfs:
			next(w, r)
		default:
			i.refuse(w, r, oauthError{
				status: http.StatusBadRequest, code: "invalid_request", number: 90002,
				text: fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", clip(name)),
			})
		}
	}
}

// serveV1 answers with the version 1 document, and with nearly the same under adfs.
func (i *Issuer) serveV1(w http.ResponseWriter, r *http.Request) {
	root := i.base() + "/" + r.PathValue("tenant")
	doc := i.document(root+"/oauth2/authorize", root+"/oauth2/token")
	doc["issuer"] = i.v1()
	doc["jwks_uri"] = i.base() + "/common/discovery/keys"
	if strings.EqualFold(r.PathValue("tenant"), adfs) {
		doc["jwks_uri"] = i.base() + "/adfs/discovery/v2.0/keys"
	}
	cacheable(w, doc)
}

func (i *Issuer) serveV2(w http.ResponseWriter, r *http.Request) {
	root := i.base() + "/" + r.PathValue("tenant")
	doc := i.document(root+"/oauth2/v2.0/authorize", root+"/oauth2/v2.0/token")
	doc["issuer"] = i.v2()
	doc["jwks_uri"] = root + "/discovery/v2.0/keys"
	doc["request_uri_parameter_supported"] = false
	cacheable(w, doc)
}

// document has what both versions say.
func (i *Issuer) document(authorize, tokenEndpoint string) map[string]any {
	host := i.base()
	if u, err := url.Parse(host); err == nil {
		host = u.Host
	}
	return map[string]any{
		// There is no interactive sign-in; clients refuse a document without it.
		"authorization_endpoint":                authorize,
		"token_endpoint":                        tokenEndpoint,
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{"token"},
		"response_modes_supported":              []string{"query"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid"},
		"claims_supported": []string{
			"aud", "iss", "iat", "nbf", "exp", "appid", "appidacr", "idp", "idtyp",
			"oid", "sub", "tid", "uti", "ver", "xms_mirid", "xms_az_rid",
		},
		"cloud_instance_name": host,
	}
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

func (i *Issuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	issuer := i.v1()
	if strings.Contains(r.URL.Path, "/v2.0/") {
		issuer = i.v2()
	}
	keys := make([]jsonWebKey, 0, len(i.keys.certs))
	for _, k := range i.keys.certs {
		keys = append(keys, jsonWebKey{
			KeyType: "RSA", Use: "sig", KeyID: k.id, X5T: k.id,
			Modulus:     base64.RawURLEncoding.EncodeToString(k.key.N.Bytes()),
			Exponent:    base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.key.E)).Bytes()),
			Certificate: []string{base64.StdEncoding.EncodeToString(k.cert)},
			Issuer:      issuer,
		})
	}
	cacheable(w, map[string]any{"keys": keys})
}

// serveInstance tells a client whether an authority is genuine: ours is.
// Source: MSAL, "instance discovery".
func (i *Issuer) serveInstance(w http.ResponseWriter, r *http.Request) {
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	own, ownErr := url.Parse(i.base())
	if err != nil || ownErr != nil || asked.Host == "" || !strings.EqualFold(asked.Host, own.Host) {
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
	cacheable(w, map[string]any{
		"tenant_discovery_endpoint": i.base() + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{
			"preferred_network": own.Host, "preferred_cache": own.Host, "aliases": []string{own.Host},
		}},
	})
}

// cacheable answers with a document that anybody may keep for a day, as long as key
// sets are kept.
func cacheable(w http.ResponseWriter, doc any) {
	w.Header().Set("Cache-Control", "max-age=86400, private")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	answer(w, http.StatusOK, doc)
}

func answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// An error here means that the client is gone.
	_ = enc.Encode(doc)
}
