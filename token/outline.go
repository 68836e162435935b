package token

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxNesting is more than any issuer nests claims: Keycloak's resource_access and
	// Entra's _claim_sources come to four. A stranger's token of brackets alone would
	// cost a decoder a step of its stack for each.
	maxNesting = 16
	// maxIssuer is longer than any issuer's name, which is an https URL.
	maxIssuer = 1024
)

// outline is what is known of a JSON object without decoding it.
type outline struct {
	depth  int    // of its arrays and objects, itself among them
	issuer []byte // the first value of its member "iss", as it is written; nil without
	issued int    // how many members "iss" it has
}

// sketch reads the outline in one pass, and makes nothing. JSON that is not well formed
// is left for the decoder to refuse.
func sketch(text []byte) (o outline) {
	depth := 0
	for i := 0; i < len(text); {
		end := i + 1
		switch text[i] {
		case '[', '{':
			depth++
			o.depth = max(o.depth, depth)
		case ']', '}':
			depth--
		case '"':
			end = stringEnd(text, i)
			if depth == 1 && string(text[i:end]) == `"iss"` {
				o.member(text, end)
			}
		}
		i = end
	}
	return o
}

// member notes what follows "iss": a colon and a value, or else it was itself a value.
func (o *outline) member(text []byte, i int) {
	if i = blank(text, i); i == len(text) || text[i] != ':' {
		return
	}
	if o.issued++; o.issued == 1 {
		i = blank(text, i+1)
		o.issuer = text[i:stringEnd(text, i)]
	}
}

// stringEnd is where the string that begins at text[i] has ended; just after i when none
// does.
func stringEnd(text []byte, i int) int {
	if i >= len(text) || text[i] != '"' {
		return min(i+1, len(text))
	}
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// blank is where the white space that begins at text[i] has ended.
func blank(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// maxDocumentNesting is for what issuers publish, which has room for extensions.
const maxDocumentNesting = 64

// checkDocument refuses a published document that is nested deeper than any issuer's is.
func checkDocument(text []byte) error {
	if sketch(text).depth > maxDocumentNesting {
		return fmt.Errorf("its JSON is nested deeper than %d", maxDocumentNesting)
	}
	return nil
}

// shallow refuses JSON that is nested deeper than a token's is.
func (o outline) shallow() error {
	if o.depth > maxNesting {
		return fmt.Errorf("its JSON is nested deeper than %d", maxNesting)
	}
	return nil
}

// claimedIssuer says who is said to have issued a token, from claims that nobody has
// vouched for yet. It chooses the key and proves nothing.
func claimedIssuer(claims []byte) (issuer string, err error) {
	o := sketch(claims)
	if err := o.shallow(); err != nil {
		return "", err
	}
	switch {
	case o.issued == 0:
		return "", errors.New(`no issuer is named by "iss"`)
	case o.issued > 1:
		return "", fmt.Errorf(`"iss" is there %d times`, o.issued)
	case len(o.issuer) > maxIssuer:
		return "", fmt.Errorf(`"iss" of %d bytes is longer than %d`, len(o.issuer), maxIssuer)
	case json.Unmarshal(o.issuer, &issuer) != nil:
		return "", errors.New(`"iss" is not a string`)
	}
	return issuer, nil
}
