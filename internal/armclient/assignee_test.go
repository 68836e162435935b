package armclient

import "testing"

// A managed identity is named by its object id in the hint, for its name here is none
// that a role can be given to.
func TestAssigneeOfALogin(t *testing.T) {
	for want, l := range map[string]Login{
		"ada@example.com": {Kind: LoginPerson, Name: "ada@example.com"},
		"client":          {Kind: LoginSecret, Name: "client"},
		"OBJECT_ID":       {Kind: LoginIdentity, Name: "systemAssignedIdentity"},
	} {
		if got := l.Assignee(); got != want {
			t.Errorf("%s: %q, want %q", l.Name, got, want)
		}
	}
}
