package metadata

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/guid"
)

// Why no identity could be chosen, in the words of IMDS.
const (
	notFound = "Identity not found"
	several  = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
)

// noIdentity is a choice that cannot be made.
func noIdentity(text string) *failure {
	return &failure{status: http.StatusBadRequest, reason: reasonIdentity, text: text}
}

// choose finds the identity that a request means.
//
// Without a selector it is the system-assigned one, else the only user-assigned one.
// The system-assigned one can be named by its ids too, but not by a resource id: it is
// no resource.
func choose(w midas.Workload, s selector) (midas.Identity, *failure) {
	if s.by != "" {
		return named(w, s)
	}
	switch {
	case w.System != nil:
		return *w.System, nil
	case len(w.UserAssigned) == 1:
		return w.UserAssigned[0], nil
	case len(w.UserAssigned) > 1:
		return midas.Identity{}, noIdentity(several)
	}
	return midas.Identity{}, noIdentity(notFound)
}

func named(w midas.Workload, s selector) (midas.Identity, *failure) {
	if strings.HasSuffix(s.by, "_res_id") {
		s.id = strings.TrimSuffix(s.id, "/")
	} else {
		s.id = guid.Tidy(s.id)
	}
	for _, id := range w.UserAssigned {
		if strings.EqualFold(s.id, s.of(id)) {
			return id, nil
		}
	}
	if w.System != nil && !strings.HasSuffix(s.by, "_res_id") && strings.EqualFold(s.id, s.of(*w.System)) {
		return *w.System, nil
	}
	return midas.Identity{}, noIdentity(notFound)
}

// of returns the id of an identity that s compares.
func (s selector) of(id midas.Identity) string {
	switch s.by {
	case "client_id":
		return id.ClientID
	case "object_id", "principal_id":
		return id.PrincipalID
	}
	return id.ResourceID
}
