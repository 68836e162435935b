// Package guid reads GUIDs as people and programs write them, and knows the one form in which
// they are kept and compared: lower case, with hyphens.
//
// It never makes one.
package guid

import "strings"

// size is that of 8-4-4-4-12 digits.
const size = 36

// Tidy returns a GUID that is written without hyphens, in braces or in upper case in the form in
// which GUIDs are kept, and any other text as it is.
// Source: Microsoft Learn, "Guid.ToString", formats N, D and B.
func Tidy(text string) string {
	inner := text
	if len(inner) > 2 && inner[0] == '{' && inner[len(inner)-1] == '}' {
		inner = inner[1 : len(inner)-1]
	}
	if len(inner) == size-4 && !strings.Contains(inner, "-") {
		inner = strings.Join([]string{inner[:8], inner[8:12], inner[12:16], inner[16:20], inner[20:]}, "-")
	}
	if !Valid(inner) {
		return text
	}
	return strings.ToLower(inner)
}

// Valid tells whether text is 8-4-4-4-12 hexadecimal digits.
func Valid(text string) bool {
	if len(text) != size {
		return false
	}
	for i := range size {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}

// Nobody is the GUID that stands for nobody.
const Nobody = "00000000-0000-0000-0000-000000000000"
