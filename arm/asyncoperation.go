package arm

import "net/http"

// The directory has made each change before the answer is sent. Azure answers some changes with
// 202 and an address to poll; clients written for that get the same, and their first poll says
// that the operation has ended.

// How long a client is told to wait before it polls. Without a value az waits for 30 s after a
// poll that was not the last. Azure's SDK for Go waits before the first poll, too: it prefers
// milliseconds when it finds them, and so does not wait for an operation that has ended.
const (
	retryAfter   = "1" // s
	retryAfterMS = "1" // ms; 0 counts as none
)

func (a *API) routeOperations(t *routes) {
	for _, namespace := range []string{"Microsoft.Compute", "Microsoft.DBforMySQL"} {
		at := subscription + "/providers/" + namespace + "/locations/{location}/"
		t.add(http.MethodGet, at+"operations/{operation}", namespace+"/locations/operations/read", a.getOperation).audience = anyRole
		t.add(http.MethodGet, at+"operationResults/{operation}", namespace+"/locations/operations/read", a.getOperationResult).audience = anyRole
	}
	t.add(http.MethodGet, subscription+"/operationresults/{operation}", resources+"/operationresults/read", a.getOperationResult).audience = anyRole
}

// goesOn makes of an answer one that says where its operation is asked about. A deletion's
// status becomes 202; 204 stays 204 when nothing existed.
func (a *API) goesOn(c *call, namespace, location string, ans answer, err error) (answer, error) {
	if err != nil || c.op == nil || !c.op.Noted() || ans.status == http.StatusNoContent {
		return ans, err
	}
	_, sub := a.Directory.Tenant()
	at := c.base + "/subscriptions/" + sub + "/providers/" + namespace + "/locations/" + location
	ans.monitor = at + "/operations/" + c.op.Event() + "?api-version=" + c.query["api-version"]
	if c.Method == http.MethodDelete {
		ans.status = http.StatusAccepted
		ans.location = at + "/operationResults/" + c.op.Event() + "?api-version=" + c.query["api-version"]
	}
	return ans, nil
}

// groupGone is ARM's own answer to the deletion of a group: 202 with a Location alone.
func (a *API) groupGone(c *call, ans answer, err error) (answer, error) {
	if err != nil || c.op == nil || !c.op.Noted() {
		return ans, err
	}
	_, sub := a.Directory.Tenant()
	ans.status = http.StatusAccepted
	ans.location = c.base + "/subscriptions/" + sub + "/operationresults/" + c.op.Event() + "?api-version=" + c.query["api-version"]
	return ans, nil
}

func (ans answer) header(h http.Header) {
	if ans.etag != "" {
		h.Set("ETag", `"`+ans.etag+`"`)
	}
	if ans.monitor != "" {
		h.Set("Azure-AsyncOperation", ans.monitor)
	}
	if ans.made != "" {
		h.Set("Location", ans.made)
	}
	if ans.location != "" {
		h.Set("Location", ans.location)
	}
	if ans.monitor != "" || ans.location != "" {
		h.Set("Retry-After", retryAfter)
		h.Set("Retry-After-Ms", retryAfterMS)
	}
}
