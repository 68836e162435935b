package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/guid"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// Limits of names, in characters. MySQL's is that of mysql.user; the directory's that
// of a Microsoft Entra display name.
const (
	maxUserName      = 32
	maxDirectoryName = 256
	maxHost          = 255 // bytes, since a host is ASCII
)

const hintID = "use the client id of the identity, such as 11111111-2222-3333-4444-555555555555"

// checkUserName tells whether name can be the name of a MySQL account, and if not why.
func checkUserName(name string) error {
	if err := checkText("user name", name); err != nil {
		return err
	}
	// Servers take such quotes off at sign-in, and would let it in as somebody else.
	if len(name) > 1 && name[0] == '\'' && name[len(name)-1] == '\'' {
		return refuse(mysqlerr.CannotUser, midas.Invalid, "user name \"%s\" stands in quotes, which MySQL takes off when it signs in", abridge(name))
	}
	// Servers write a character beyond the basic plane as '?', silently: two names
	// would become one account.
	if strings.IndexFunc(name, func(r rune) bool { return r > 0xFFFF }) >= 0 {
		return refuse(mysqlerr.CannotUser, midas.Invalid,
			"user name '%s' holds a character beyond the basic plane, such as an emoji, which MySQL cannot keep", abridge(name)).
			WithHint("write CREATE AADUSER '…' AS 'alias'; the alias signs in")
	}
	if n := utf8.RuneCountInString(name); n > maxUserName {
		return refuse(mysqlerr.WrongStringLength, midas.Invalid,
			"string '%s' is too long for user name: %d characters, MySQL allows %d", abridge(name), n, maxUserName).
			WithHint("write CREATE AADUSER '…' AS 'alias'; the alias signs in")
	}
	return nil
}

// checkDirectoryName tells whether name can be what the directory calls somebody.
func checkDirectoryName(name string) error {
	if err := checkText("name", name); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(name); n > maxDirectoryName {
		return refuse(mysqlerr.WrongStringLength, midas.Invalid,
			"name '%s' is too long: %d characters, at most %d", abridge(name), n, maxDirectoryName)
	}
	return nil
}

// checkText has the rules that every name shares.
func checkText(what, name string) error {
	switch {
	case name == "":
		return refuse(mysqlerr.CannotUser, midas.Invalid, "the %s is empty", what)
	case !utf8.ValidString(name):
		return refuse(mysqlerr.CannotUser, midas.Invalid, "the %s is not valid UTF-8", what)
	case strings.IndexFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) >= 0:
		return refuse(mysqlerr.CannotUser, midas.Invalid, "the %s holds a control character", what)
	case strings.TrimFunc(name, unicode.IsSpace) != name:
		// MySQL drops such spaces, silently: the account would have another name.
		return refuse(mysqlerr.CannotUser, midas.Invalid, "%s '%s' begins or ends with a space", what, abridge(name))
	}
	return nil
}

// cleanHost returns host as servers keep it: lower case, "%" for none.
func cleanHost(host string) (string, error) {
	if host == "" {
		return "%", nil
	}
	if len(host) > maxHost {
		return "", refuse(mysqlerr.WrongStringLength, midas.Invalid, "the host name is too long: %d bytes, at most %d", len(host), maxHost)
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("'\"`\\@?", c) >= 0 {
			return "", refuse(mysqlerr.CannotUser, midas.Invalid, "host name '%s' holds a character that no host name has", abridge(host)).
				WithHint("a host is a name, an address, or a pattern such as '10.1.%%'")
		}
	}
	return strings.ToLower(host), nil
}

// cleanID returns id as it is kept if it is a GUID. The text is not repeated in the
// error: somebody who takes IDENTIFIED BY for a password typed a password there.
func cleanID(id string) (string, error) {
	tidy := guid.Tidy(id)
	if !isGUID(tidy) {
		return "", refuse(mysqlerr.Parse, midas.Invalid, "IDENTIFIED BY needs an object id or client id, a GUID; %d characters were given", utf8.RuneCountInString(id)).
			WithHint(hintID)
	}
	return tidy, nil
}

// isGUID tells whether id is a GUID, and not the one that stands for nobody.
func isGUID(id string) bool { return guid.Valid(id) && id != guid.Nobody }

// abridge cuts text that is repeated in an error, at a character.
func abridge(text string) string {
	const limit = 48
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return clip.To(text, limit)
}
