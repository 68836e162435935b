package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/midas-mysql/midas/internal/clip"
)

// MaxSize is the longest token that is looked at, in bytes. Real ones have 1 to 4 KiB;
// one with the 200 groups that an issuer puts in before it omits them has about 12.
const MaxSize = 64 << 10

// maxHeader is the longest header that is looked at, in characters. It is decoded before
// anything is proved. Real ones have about 150; one that brings its certificate, which is
// not looked at, has 2,500.
const maxHeader = 4 << 10

// promptCut is where the password prompts of the MySQL and MariaDB command line
// clients cut what is typed or pasted, without a word.
// Source: MySQL bugs 44929, 92403 and 110570.
const promptCut = 79

// ErrTruncated says that only the beginning of a token arrived, as from a client that
// asked for the password at its prompt.
var ErrTruncated = errors.New("only the first 79 characters of the token arrived: the password prompt of the client cut it")

// Header is the header of a token, as far as it is looked at. Members that bring or
// locate a key (jwk, jku, x5c, x5u) are left alone on purpose.
type Header struct {
	Type      string `json:"typ"`
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	X5T       string `json:"x5t"`      // SHA-1 of the certificate, base64
	X5TS256   string `json:"x5t#S256"` // SHA-256 of it

	// Extensions that change what is signed. None is understood, so none may be there.
	Critical json.RawMessage `json:"crit"`
	Base64   json.RawMessage `json:"b64"`
}

// DecodeUnverified reads a token without checking anything but its form: it proves
// nothing about who made it. It is for showing a token to the person who holds it.
func DecodeUnverified(raw string) (Header, Claims, error) {
	t, err := parse(raw)
	if err != nil {
		return Header{}, Claims{}, err
	}
	claims, err := t.decode()
	if err != nil {
		return Header{}, Claims{}, err
	}
	return t.header, claims, nil
}

// parsed is a token taken apart, with nothing proved yet. Its claims are not decoded:
// that takes up to a hundred times as long as to check a signature, and anybody who can
// connect could ask for it.
type parsed struct {
	header    Header
	claims    []byte // JSON
	signed    string // header and claims as they arrived
	signature []byte
}

func parse(raw string) (*parsed, error) {
	head, body, signature, err := split(raw)
	if err != nil {
		return nil, err
	}
	t := &parsed{signed: raw[:len(head)+1+len(body)]}
	if t.signature, err = strict.DecodeString(signature); err != nil {
		return nil, errors.New("signature is not base64url")
	}
	if len(head) > maxHeader {
		return nil, fmt.Errorf("the token's header of %d bytes is longer than %d", len(head), maxHeader)
	}
	header, err := strict.DecodeString(head)
	if err != nil {
		return nil, errors.New("the token's header is not base64url")
	}
	if err := decodeJSON(header, &t.header); err != nil {
		return nil, fmt.Errorf("read the token's header: %w", err)
	}
	if t.claims, err = strict.DecodeString(body); err != nil {
		return nil, errors.New("the token's claims are not base64url")
	}
	return t, nil
}

func (t *parsed) decode() (claims Claims, err error) {
	if err := decodeJSON(t.claims, &claims); err != nil {
		return Claims{}, fmt.Errorf("read the token's claims: %w", err)
	}
	return claims, nil
}

// split takes a token apart, or says what is wrong with its outer form. The form is
// strict (RFC 7515 section 2: base64url, no padding, no white space), so that two
// different strings are never the same token.
func split(raw string) (head, body, signature string, err error) {
	if len(raw) > MaxSize {
		return "", "", "", fmt.Errorf("token of %d bytes is longer than %d", len(raw), MaxSize)
	}
	if len(raw) == promptCut && strings.HasPrefix(raw, "eyJ") && strings.Count(raw, ".") < 2 {
		return "", "", "", ErrTruncated
	}
	head, rest, _ := strings.Cut(raw, ".")
	body, signature, ok := strings.Cut(rest, ".")
	switch {
	case !ok || strings.Contains(signature, "."):
		err = errors.New("token does not have three parts")
	case head == "" || body == "" || signature == "":
		err = errors.New("token has an empty part")
	case strings.ContainsAny(raw, "\r\n"):
		// The base64 decoder would skip them.
		err = errors.New("token has line breaks in it")
	}
	return head, body, signature, err
}

// strict refuses the second spellings of the same bytes that base64 has.
var strict = base64.RawURLEncoding.Strict()

// decodeJSON decodes one part into v. The JSON decoder refuses members that appear
// twice and tells "aud" from "AUD": a token has one meaning for every reader.
func decodeJSON(text []byte, v any) error {
	if err := sketch(text).shallow(); err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("it is not the JSON of a token: %w", err)
	}
	return nil
}

// check refuses headers that ask for what is not understood.
func (h *Header) check(accepted []string) error {
	switch {
	case !slices.Contains(accepted, h.Algorithm):
		return fmt.Errorf("signature algorithm %q is not accepted", clip.Text(h.Algorithm))
	case h.Critical != nil || h.Base64 != nil:
		return errors.New("header has a critical extension")
	case h.KeyID == "":
		return errors.New("header names no key")
	case len(h.KeyID) > maxKeyID:
		return fmt.Errorf("key id of %d bytes is longer than %d", len(h.KeyID), maxKeyID)
	}
	// Other kinds of JWT from the same issuer and key (logout, security event) are
	// not access tokens. RFC 8725 section 3.11.
	switch strings.ToLower(h.Type) {
	case "", "jwt", "at+jwt", "application/at+jwt":
		return nil
	}
	return fmt.Errorf("token is a %q, not an access token", clip.Text(h.Type))
}
