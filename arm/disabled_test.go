package arm

import (
	"net/http"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// TestDisabledPrincipalIsRefused: neither a role of its own nor one of a group counts until the
// principal is enabled again.
func TestDisabledPrincipalIsRefused(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	own, member := w.principal(t, "own"), w.principal(t, "member")
	w.grant(t, own, "Owner", sub)
	name, nickname := "Owners", "owners"
	g, err := w.dir.CreateSecurityGroup(t.Context(), nil, directory.SecurityGroupChange{Name: &name, MailNickname: &nickname, Members: []string{member}})
	if err != nil {
		t.Fatal(err)
	}
	w.grant(t, g.ObjectID, "Owner", sub)
	for _, enabled := range []bool{true, false, true} {
		want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[enabled]
		for token, id := range map[string]string{"own": own, "member": member} {
			if _, err := w.dir.UpdateServicePrincipal(t.Context(), nil, id, directory.ServicePrincipalChange{Enabled: &enabled}); err != nil {
				t.Fatal(err)
			}
			w.want(t, want, token, "PUT", rg+api, `{"location":"eastus"}`)
			w.want(t, want, token, "GET", rg+api, "")
		}
	}
}
