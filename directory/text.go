package directory

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// checkText refuses a property of a directory object that is empty though it is
// required, too long, or not text.
func checkText(kind, property, value string, required bool, most int) error {
	n := utf8.RuneCountInString(value)
	if required && strings.TrimSpace(value) == "" || n > most || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return badProperty(kind, property)
	}
	return nil
}

// noNUL refuses text with the character NUL where it may have any other: SQLite reports a
// text that is written only up to there, so that a change behind it would go unnoticed.
func noNUL(property, value string) error {
	if strings.ContainsRune(value, 0) {
		return midas.Errorf(midas.Invalid, "The value of the property '%s' is invalid. It must not have the character U+0000.", property)
	}
	return nil
}

// badProperty and noObject speak as Microsoft Graph does, which is where they show.
func badProperty(kind, property string) error {
	return midas.Errorf(midas.Invalid, "Invalid value specified for property '%s' of resource '%s'.", property, kind)
}

func noObject(id string) error {
	return &midas.Error{Code: midas.NotFound, Err: ErrNoObject, Message: fmt.Sprintf(
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", clip.Text(id))}
}

// validNickname is Graph's rule for mailNickname: ASCII without @ ( ) \ [ ] " ; : < > , and blanks.
func validNickname(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`@()\[]";:<>,`, c)
	})
}
