package graph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas/directory"
)

// keyCredential is a certificate on the wire. Source: Graph reference, keyCredential.
type keyCredential struct {
	KeyID    string     `json:"keyId"`
	Name     *string    `json:"displayName"`
	Type     string     `json:"type"`
	Usage    string     `json:"usage"`
	Key      *string    `json:"key"`
	Starts   *time.Time `json:"startDateTime"`
	Ends     *time.Time `json:"endDateTime"`
	CustomID *string    `json:"customKeyIdentifier"` // computed: ignored
}

// certificates reads keyCredentials, which replace all there are; nil when not sent.
func certificates(e entity, sent map[string]json.RawMessage) (*[]directory.Certificate, error) {
	var list []keyCredential
	if given, err := e.into(sent, "keyCredentials", &list); err != nil || !given {
		return nil, err
	}
	all := []directory.Certificate{}
	for _, k := range list {
		c := directory.Certificate{KeyID: k.KeyID}
		if k.Name != nil {
			c.Name = *k.Name
		}
		if k.Key != nil {
			// az sends the base64 of a PEM file with its line breaks.
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(*k.Key), ""))
			if err != nil || len(der) == 0 {
				return nil, e.invalid("keyCredentials")
			}
			if !strings.EqualFold(k.Type, "AsymmetricX509Cert") || !strings.EqualFold(k.Usage, "Verify") {
				return nil, errBad("Key credential is invalid: only certificates to verify with are supported (type 'AsymmetricX509Cert', usage 'Verify').")
			}
			c.DER = der
		}
		if k.Starts != nil {
			c.Starts = *k.Starts
		}
		if k.Ends != nil {
			c.Ends = *k.Ends
		}
		all = append(all, c)
	}
	return &all, nil
}

// noSecrets refuses secrets of the client's own making: it cannot be told how many bits
// of chance are in them.
func noSecrets(e entity, sent map[string]json.RawMessage) error {
	var list []json.RawMessage
	given, err := e.into(sent, "passwordCredentials", &list)
	if err == nil && given && len(list) > 0 {
		err = errBad("New password credentials must be generated with service actions: use addPassword.")
	}
	return err
}

// addCredentials completes an object with its credentials. Certificates themselves are
// shown only to who selects them, as Graph does.
func (a *API) addCredentials(c *call, into object, id string) error {
	asked := func(name string) bool {
		return slices.ContainsFunc(c.query.selected, func(s string) bool { return strings.EqualFold(s, name) })
	}
	if c.query.selected != nil && !asked("keyCredentials") && !asked("passwordCredentials") {
		into["keyCredentials"], into["passwordCredentials"] = []any{}, []any{}
		return nil
	}
	secrets, err := a.Directory.Secrets(c.Context(), id)
	if err != nil {
		return err
	}
	certificates, err := a.Directory.CertificatesOf(c.Context(), id)
	if err != nil {
		return err
	}
	passwords, keys := []object{}, []object{}
	for _, s := range secrets {
		passwords = append(passwords, showSecret(s, ""))
	}
	for _, k := range certificates {
		var key any
		if asked("keyCredentials") {
			key = base64.StdEncoding.EncodeToString(k.DER)
		}
		keys = append(keys, object{
			"customKeyIdentifier": k.Thumbprint, "displayName": orNull(k.Name), "startDateTime": instant(k.Starts), "endDateTime": instant(k.Ends),
			"key": key, "keyId": k.KeyID, "type": "AsymmetricX509Cert", "usage": "Verify",
		})
	}
	into["passwordCredentials"], into["keyCredentials"] = passwords, keys
	return nil
}

func showSecret(s directory.Secret, text string) object {
	return object{
		"customKeyIdentifier": nil, "displayName": orNull(s.Name), "startDateTime": instant(s.Starts), "endDateTime": instant(s.Ends),
		"hint": orNull(s.Hint), "keyId": s.KeyID, "secretText": orNull(text),
	}
}

// addPassword answers with a new secret, whose text is never to be had again.
func (a *API) addPassword(id func(*call) (string, error)) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		owner, err := id(c)
		if err != nil {
			return answer{}, err
		}
		var body struct {
			Credential struct {
				Name   *string    `json:"displayName"`
				Starts *time.Time `json:"startDateTime"`
				Ends   *time.Time `json:"endDateTime"`
			} `json:"passwordCredential"`
		}
		if len(c.body) > 0 && json.Unmarshal(c.body, &body) != nil {
			return answer{}, errContent
		}
		var name string
		var starts, ends time.Time
		if body.Credential.Name != nil {
			name = *body.Credential.Name
		}
		if body.Credential.Starts != nil {
			starts = *body.Credential.Starts
		}
		if body.Credential.Ends != nil {
			ends = *body.Credential.Ends
		}
		s, text, err := a.Directory.AddSecret(c.Context(), c.op, owner, name, starts, ends)
		if err != nil {
			return answer{}, err
		}
		shown := showSecret(s, text)
		shown["@odata.context"] = c.root + "/$metadata#microsoft.graph.passwordCredential"
		return answer{http.StatusOK, shown}, nil
	}
}

func (a *API) removePassword(id func(*call) (string, error)) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		owner, err := id(c)
		if err != nil {
			return answer{}, err
		}
		var body struct {
			KeyID string `json:"keyId"`
		}
		if err := c.decodeInto(&body); err != nil {
			return answer{}, err
		}
		return done(a.Directory.RemoveSecret(c.Context(), c.op, owner, body.KeyID))
	}
}
