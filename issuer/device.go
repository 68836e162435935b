package issuer

import (
	"fmt"
	"log/slog"
	"net/http"
)

// devicePath is the page of the device code grant: a program without a browser shows a short
// code, and a person types it where there is one (RFC 8628).
const devicePath = "/devicelogin"

// serveDeviceCode gives a program the two codes.
func (i *Issuer) serveDeviceCode(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, failed := readForm(w, r)
		a := &ask{Request: r, form: form, v2: v2}
		if failed == nil {
			a.client, failed = i.authenticate(r, form)
		}
		if failed == nil {
			failed = i.mayActFor(a)
		}
		var resource string
		if failed == nil {
			resource, failed = i.userResource(form, v2)
		}
		if failed != nil {
			i.refuse(w, r, *failed)
			return
		}
		deviceCode, userCode, ok := i.devices.add(device{clientID: a.client.id, resource: resource, from: senderOf(r), address: addressOf(r), began: i.now()})
		if !ok {
			i.refuse(w, r, oauthError{
				status: http.StatusTooManyRequests, code: "temporarily_unavailable", number: 50196,
				text: "Too many sign-ins wait from this address. Finish some of them.",
			})
			return
		}
		page := i.origin(r) + devicePath
		doc := map[string]any{
			"user_code": userCode, "device_code": deviceCode, "verification_uri": page,
			"expires_in": int(deviceLife.Seconds()), "interval": int(devicePoll.Seconds()),
			"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, userCode),
		}
		if !v2 {
			doc["verification_url"] = page
			doc["expires_in"], doc["interval"] = fmt.Sprint(doc["expires_in"]), fmt.Sprint(doc["interval"])
		}
		noStore(w)
		answer(w, http.StatusOK, doc)
	}
}

// grantByDevice trades a device code for tokens once the person has signed in.
func (i *Issuer) grantByDevice(a *ask) (*issued, *oauthError) {
	if failed := i.mayActFor(a); failed != nil {
		return nil, failed
	}
	code := a.form.Get("device_code")
	if code == "" {
		code = a.form.Get("code") // version 1
	}
	if code == "" {
		return nil, missing("device_code")
	}
	n, failed := i.devices.poll(code, a.client.id, i.now())
	if failed != nil {
		return nil, failed
	}
	// The person signed in a while ago, and may have been disabled since, or changed the
	// password that they had lost.
	u, err := i.People.UserByID(a.Context(), n.user.ObjectID)
	switch {
	case mayNotSignIn(err), err == nil && u.Stamp != n.user.Stamp:
		i.refusals.Known(slog.LevelWarn, n.user.ObjectID, "device sign-in refused", "user", n.user.ObjectID, "client", a.client.id, "why", "the account has changed since")
		return nil, noGrant("device_code")
	case err != nil:
		return nil, i.notIssued(a, n.resource, err)
	}
	return i.issueUser(a, u, n.resource, nil)
}
