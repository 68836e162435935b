package issuer

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

//go:embed device_page.html
var devicePageText string

//go:embed device_page.css
var devicePageStyle string

var devicePage = template.Must(template.New("device").Parse(devicePageText))

// devicePolicy lets the page load nothing but its own style, be in no frame, and send its
// form nowhere else.
var devicePolicy = func() string {
	sum := sha256.Sum256([]byte(devicePageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// deviceView is one state of the page.
type deviceView struct {
	Style   template.CSS
	Code    string // known to wait; "" asks for one
	Program string
	Source  string // where the program is
	UPN     string
	Problem string
	Done    string // what has been decided; then there is nothing more to do
}

// serveDevicePage asks for the code. It is not taken from the address: the sender of such
// a link would be signed in as its reader.
func (i *Issuer) serveDevicePage(w http.ResponseWriter, r *http.Request) {
	i.showDevicePage(w, http.StatusOK, deviceView{})
}

// serveDeviceForm takes the code, then name and password. Nothing is kept between the
// two, so there is no session that another site could ride on; all the same a form that
// was not sent from this page is refused.
func (i *Issuer) serveDeviceForm(w http.ResponseWriter, r *http.Request) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		i.showDevicePage(w, http.StatusForbidden, deviceView{Problem: "This form was sent from another site. Enter the code here yourself, when you know the program that showed it."})
		return
	}
	form, failed := readForm(w, r)
	if failed != nil {
		i.showDevicePage(w, failed.status, deviceView{Problem: failed.text})
		return
	}
	from := senderOf(r)
	if wait := i.codes.Wait(from, i.now()); wait > 0 {
		i.showDevicePage(w, http.StatusTooManyRequests, deviceView{Problem: "Too many wrong codes from this address. Try again later."})
		return
	}
	n := i.devices.find(form.Get("code"), i.now())
	if n == nil {
		i.codes.Failed(from, i.now())
		i.showDevicePage(w, http.StatusBadRequest, deviceView{Problem: "That code is not known, or its time is over. Ask the program for another."})
		return
	}
	view := deviceView{Code: n.userCode, Program: i.programName(n.clientID), Source: n.address, UPN: form.Get("upn")}
	switch {
	case form.Get("decline") != "":
		i.devices.decide(n.userCode, nil, i.now())
		i.showDevicePage(w, http.StatusOK, deviceView{Done: "You have declined. The program was not signed in."})
	case form.Get("password") == "":
		if form.Get("upn") != "" {
			view.Problem = "Enter your password."
		}
		i.showDevicePage(w, http.StatusOK, view)
	default:
		i.signInDevice(w, r, view, form.Get("password"))
	}
}

func (i *Issuer) signInDevice(w http.ResponseWriter, r *http.Request, view deviceView, password string) {
	u, failed := i.signIn(r, strings.TrimSpace(view.UPN), password)
	if failed != nil {
		view.Problem = failed.text
		i.showDevicePage(w, failed.status, view)
		return
	}
	if !i.devices.decide(view.Code, &u, i.now()) {
		i.showDevicePage(w, http.StatusBadRequest, deviceView{Problem: "The time of that code is over. Ask the program for another."})
		return
	}
	i.showDevicePage(w, http.StatusOK, deviceView{Done: "You have signed in to " + view.Program + ". You may close this page and return to it."})
}

// programName is how people know a program. An application of the directory is named by
// its client id alone: its owner could have called it anything.
func (i *Issuer) programName(clientID string) string {
	if name, known := publicClients[strings.ToLower(clientID)]; known {
		return name
	}
	return "application " + clientID
}

func (i *Issuer) showDevicePage(w http.ResponseWriter, status int, view deviceView) {
	view.Style = template.CSS(devicePageStyle) // our own file
	h := w.Header()
	noStore(w)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", devicePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_ = devicePage.Execute(w, view) // an error means that the browser is gone
}
