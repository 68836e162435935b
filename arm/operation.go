package arm

import (
	"net"
	"net/http"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
)

// maxCommand is how much of the CommandName header is kept.
const maxCommand = 128

// begin makes a request that is no read into an operation of the directory, which judges
// it by locks and preconditions and keeps it in the activity log.
func (a *API) begin(w http.ResponseWriter, c *call) {
	if c.route == nil || c.Method == http.MethodGet || c.Method == http.MethodHead {
		return
	}
	address, _, err := net.SplitHostPort(c.RemoteAddr)
	if err != nil {
		address = c.RemoteAddr
	}
	c.op = &directory.Operation{
		Action: c.route.action, Scope: c.scope, Method: c.Method, RequestID: c.id, CorrelationID: w.Header().Get("x-ms-correlation-request-id"),
		Caller: c.who.ObjectID, ClientID: c.who.ClientID, Address: address, Command: command(c.Header.Get("CommandName")),
	}
	if !c.who.AppOnly {
		c.op.CallerName = clip.To(c.who.Name, maxCommand)
	}
	if c.route.conditional {
		c.op.IfMatch, c.op.IfNoneMatch = c.Header.Get("If-Match"), c.Header.Get("If-None-Match")
	}
	c.op.AnyRole = c.route.audience != allowed
}

// note keeps what has come of an operation: that it was refused, or what it did, unless
// the change that it made in the directory says so already. A success that changed nothing
// and handed nothing out is no event: a reader could fill the log with it. Anyone who has no
// role here writes no history of the subscription: what they tried is in the process log
// alone.
func (a *API) note(c *call, ans answer, code string) {
	refused := ans.status >= http.StatusBadRequest
	if c.op == nil || c.op.Noted() || !c.access.Any() || !refused && ans.deed == noDeed {
		return
	}
	a.Directory.Note(c.op, ans.status, code, !refused && ans.deed == changedElsewhere)
}

// command keeps of az's CommandName what a command can be: words.
func command(header string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, header[:min(len(header), maxCommand)])
}
