package arm

import (
	"net/http"
	"strings"
	"testing"
)

// A match is of something on the host: who may write one machine, or all of one group,
// may not claim callers for it. Reading and taking away are about that machine alone.
func TestWorkloadMatchesNeedTheSubscription(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "deployer")
	w.grant(t, who, "Contributor", rg)
	const match, body = vms + "vm/workloadMatches/net", `{"properties":{"cidr":"10.1.2.0/24"}}`
	resp, text := w.do(t, "deployer", "PUT", match+api, body)
	wantFault(t, resp, text, http.StatusForbidden, "AuthorizationFailed")
	if !strings.Contains(text, "over scope '/subscriptions/"+w.sub+"' ") || !strings.Contains(text, "workloadMatches/write") {
		t.Errorf("the refusal does not say what is missing where: %s", text)
	}
	w.want(t, http.StatusNotFound, "owner", "GET", match+api, "")
	w.want(t, http.StatusCreated, "owner", "PUT", match+api, body)
	w.want(t, http.StatusOK, "deployer", "GET", match+api, "")
	w.want(t, http.StatusOK, "deployer", "DELETE", match+api, "")
	w.grant(t, who, "Contributor", "/subscriptions/{sub}")
	w.want(t, http.StatusCreated, "deployer", "PUT", match+api, body)
}

// A match of loopback addresses is refused without insecureOwnAddresses.
func TestMatchOfLoopbackNeedsInsecureOwnAddresses(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const match = vms + "vm/workloadMatches/lo"
	for _, body := range []string{`{"properties":{"cidr":"127.0.0.0/8"}}`, `{"properties":{"cidr":"::1","insecureOwnAddresses":false}}`, `{"properties":{"uid":"1","insecureOwnAddresses":true}}`} {
		if text := w.want(t, http.StatusBadRequest, "owner", "PUT", match+api, body); !strings.Contains(text, "insecureOwnAddresses") {
			t.Errorf("%s: %s", body, text)
		}
	}
	w.want(t, http.StatusNotFound, "owner", "GET", match+api, "")
	const said = `"properties":{"cidr":"127.0.0.0/8","insecureOwnAddresses":true}`
	if text := w.want(t, http.StatusCreated, "owner", "PUT", match+api, "{"+said+"}"); !strings.Contains(text, said) {
		t.Errorf("%s", text)
	}
}
