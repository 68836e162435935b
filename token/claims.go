package token

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/midas-mysql/midas"
)

// Claims are the claims of an access token that the product writes or reads, in the
// order in which Microsoft Entra writes them. Empty ones are left out.
// Source: Microsoft identity platform, "Access token claims reference".
type Claims struct {
	Audience  Strings `json:"aud,omitempty"`
	Issuer    string  `json:"iss,omitempty"`
	IssuedAt  Seconds `json:"iat,omitempty"`
	NotBefore Seconds `json:"nbf,omitempty"`
	Expiry    Seconds `json:"exp,omitempty"`

	AIO      string `json:"aio,omitempty"`      // opaque
	AppID    string `json:"appid,omitempty"`    // version 1: client id of who asked
	AppIDACR string `json:"appidacr,omitempty"` // "0" public client, "1" secret, "2" certificate
	AZP      string `json:"azp,omitempty"`      // version 2: the same as appid
	AZPACR   string `json:"azpacr,omitempty"`   // version 2: the same as appidacr
	IDP      string `json:"idp,omitempty"`
	IDType   string `json:"idtyp,omitempty"` // "app" or "user"
	ObjectID string `json:"oid,omitempty"`
	RH       string `json:"rh,omitempty"` // opaque
	Subject  string `json:"sub,omitempty"`
	TenantID string `json:"tid,omitempty"`
	UTI      string `json:"uti,omitempty"` // unique id of the token
	JTI      string `json:"jti,omitempty"` // what other issuers call uti
	Version  string `json:"ver,omitempty"` // "1.0" or "2.0"

	// XMSMIRID is the ARM id of the managed identity: the workload's own id when
	// the identity is system-assigned.
	XMSMIRID string `json:"xms_mirid,omitempty"`
	// XMSAZRID is the ARM id of the workload that used a user-assigned identity.
	XMSAZRID string `json:"xms_az_rid,omitempty"`

	// ACR and AMR say how a person signed in: "1" and "pwd" for a password.
	ACR               string   `json:"acr,omitempty"`
	AMR               []string `json:"amr,omitempty"`
	Scope             Strings  `json:"scp,omitempty"` // delegated tokens only
	Name              string   `json:"name,omitempty"`
	GivenName         string   `json:"given_name,omitempty"`
	FamilyName        string   `json:"family_name,omitempty"`
	Email             string   `json:"email,omitempty"`
	IPAddress         string   `json:"ipaddr,omitempty"` // where the person signed in
	UPN               string   `json:"upn,omitempty"`
	UniqueName        string   `json:"unique_name,omitempty"`
	PreferredUsername string   `json:"preferred_username,omitempty"`
	AppDisplayName    string   `json:"app_displayname,omitempty"`

	Groups Groups `json:"groups,omitempty"`
	// ClaimNames names the claims that were too long for the token, "groups" above all,
	// and says which of ClaimSources has them.
	ClaimNames   map[string]any  `json:"_claim_names,omitempty"`
	ClaimSources map[string]any  `json:"_claim_sources,omitempty"`
	HasGroups    json.RawMessage `json:"hasgroups,omitempty"` // true, or "true"
}

// principal is who the claims speak for. It is only right for claims whose signature,
// issuer and audience hold.
func (c *Claims) principal(audience string) midas.Principal {
	p := midas.Principal{
		Issuer:        c.Issuer,
		TenantID:      c.TenantID,
		ObjectID:      c.ObjectID,
		Subject:       c.Subject,
		ClientID:      c.clientID(),
		AppOnly:       c.appOnly(),
		Name:          c.displayName(),
		Groups:        []string(c.Groups),
		GroupsOmitted: c.groupsOmitted(),
		TokenID:       c.UTI,
		Audience:      audience,
		NotBefore:     c.NotBefore.Time(),
		Expiry:        c.Expiry.Time(),
	}
	if p.TokenID == "" {
		p.TokenID = c.JTI
	}
	return p
}

// clientID reads the claim that belongs to the token's version, so that a token cannot
// carry two client ids and be taken for the wrong one.
func (c *Claims) clientID() string {
	switch {
	case c.Version == "1.0":
		return c.AppID
	case c.Version == "2.0":
		return c.AZP
	case c.AppID != "":
		return c.AppID
	}
	return c.AZP
}

// appOnly tells an application that speaks for itself from one that speaks for a
// person. A delegated token names its client application too; taking it for app-only
// would let anybody who uses that application sign in as the application.
func (c *Claims) appOnly() bool {
	if len(c.Scope) > 0 {
		return false
	}
	if c.IDType != "" {
		return c.IDType == "app"
	}
	// Tokens older than the claim idtyp: for an application sub is the object id,
	// for a person it differs from application to application.
	person := c.UPN != "" || c.UniqueName != "" || c.PreferredUsername != ""
	return !person && c.ObjectID != "" && c.ObjectID == c.Subject
}

func (c *Claims) groupsOmitted() bool {
	if _, omitted := c.ClaimNames["groups"]; omitted {
		return true
	}
	return string(c.HasGroups) == `true` || string(c.HasGroups) == `"true"`
}

func (c *Claims) displayName() string {
	for _, name := range []string{c.UPN, c.PreferredUsername, c.UniqueName, c.Name, c.AppDisplayName} {
		if name != "" {
			return name
		}
	}
	if c.XMSMIRID != "" {
		return c.XMSMIRID[strings.LastIndexByte(c.XMSMIRID, '/')+1:]
	}
	return c.clientID()
}

// Strings is a claim that is one string or an array of strings, as RFC 7519 allows for
// "aud". One string is written as a string.
type Strings []string

// MarshalJSON implements json.Marshaler.
func (s Strings) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return json.Marshal(s[0])
	}
	return json.Marshal([]string(s))
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Strings) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var one string
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		*s = Strings{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return errors.New("neither a string nor an array of strings")
	}
	*s = many
	return nil
}

// Groups is the claim of that name: always written as an array, read as Strings is.
type Groups []string

// UnmarshalJSON implements json.Unmarshaler.
func (g *Groups) UnmarshalJSON(data []byte) error { return (*Strings)(g).UnmarshalJSON(data) }

// Seconds is a moment as a token writes it: seconds since 1970, 0 when absent
// (RFC 7519, NumericDate).
type Seconds int64

// lastSecond is the end of the year 9999, the last moment that every client can print.
const lastSecond = 253402300799

// At is t in whole seconds.
func At(t time.Time) Seconds { return Seconds(t.Unix()) }

// Time is the moment in UTC; the zero time when absent.
func (s Seconds) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

// UnmarshalJSON implements json.Unmarshaler. It takes fractions, which it cuts off, and
// refuses strings, negative numbers and moments after the year 9999.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(string(data), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > lastSecond {
		return fmt.Errorf("not a moment in seconds since 1970")
	}
	*s = Seconds(f)
	return nil
}
