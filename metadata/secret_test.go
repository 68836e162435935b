package metadata_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/metadata"
)

// A secret that was sent to another process, while midas was down, is worth nothing after
// its end, in every dialect and place.
func TestSecretsEnd(t *testing.T) {
	w := newWorld(t)
	w.system()
	until := w.now.Add(time.Hour)
	secret := secretUntil(w.vm.VMID, until)
	handed := map[string]request{"IMDS": w.imds(), "App Service": w.appService(), "App Service's older version": w.old(), "Service Fabric": w.fabric(), "path": w.from("10.9.9.9:1")}
	for name, r := range handed {
		for _, header := range []string{"X-Identity-Header", "Secret"} {
			if r.header.Get(header) != "" {
				r.header = r.header.Clone()
				r.header.Set(header, secret)
			}
		}
		if name == "path" {
			r.path = "/as/" + strings.ToUpper(secret) + r.path
		}
		handed[name] = r
	}
	for _, c := range []struct {
		at   time.Time
		want int
	}{{w.now, 200}, {until.Add(-time.Second), 200}, {until, 401}, {until.Add(1000 * time.Hour), 401}} {
		w.now = c.at
		for name := range handed {
			out := w.send(handed[name])
			code, text := out.Code, out.Body.String()
			if code != c.want {
				t.Errorf("%s at %s before the end: status %d, %s", name, until.Sub(c.at), code, text)
			}
			if c.want == 401 && (!strings.Contains(text, " ended at "+until.UTC().Format(time.RFC3339)) || strings.Contains(text, "proof")) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

// The end is part of the proof, and nothing but the very text is taken.
func TestSecretsAreNotProlonged(t *testing.T) {
	w := newWorld(t)
	w.system()
	w.remake(func(c *metadata.Config) { c.SecretLifetime = 24 * time.Hour })
	id, until := w.vm.VMID, w.now.Add(24*time.Hour)
	right := secretUntil(id, until)
	_, proof, _ := strings.Cut(right, ".")
	seconds, proof, _ := strings.Cut(proof, ".")
	for secret, says := range map[string]string{
		right:                                   "",
		id + ".9" + seconds + "." + proof:       "of no machine here",
		id + ".0" + seconds + "." + proof:       "of no machine here",
		id + ".+" + seconds + "." + proof:       "of no machine here",
		id + "." + seconds + ".0." + proof:      "of no machine here",
		id + "..":                               "of no machine here",
		id + "." + proof:                        "of no machine here",
		id + "." + strings.Repeat("A", 43):      "has no expiry",
		secretUntil(id, w.now):                  "ended at",
		secretUntil(id, time.Unix(0, 0)):        "ended at",
		secretUntil(id, until.Add(time.Hour)):   "made for longer than the 24h0m0s",
		secretUntil(id, time.Unix(1<<62, 0)):    "made for longer than",
		secretUntil(id, until.Add(time.Minute)): "", // the clock was set back
	} {
		r := w.imds()
		r.header.Set("X-Identity-Header", secret)
		out := w.send(r)
		if (out.Code == 200) != (says == "") || !strings.Contains(out.Body.String(), says) {
			t.Errorf("%s: status %d, %s; want %q", secret, out.Code, out.Body, says)
		}
	}
}

// On a machine's own listener a secret proves nothing more, and one that is over is refused.
func TestSecretsEndOnOwnListeners(t *testing.T) {
	w := newWorld(t)
	w.system()
	for until, want := range map[time.Time]int{w.now.Add(time.Hour): 200, w.now: 401} {
		r := w.imds()
		r.header.Set("X-Identity-Header", secretUntil(w.vm.VMID, until))
		if out := at(w.endpoint.Own(w.vm.ID), "169.254.169.254", r); out.Code != want {
			t.Errorf("until %s: status %d, %s", until, out.Code, out.Body)
		}
	}
}

// Behind a proxy, only the secret proves the machine: matches do not count.
func TestProxiedRequestsNeedTheSecret(t *testing.T) {
	w := newWorld(t)
	w.system()
	w.match("myVM", "lo", directory.WorkloadMatchInput{CIDR: "127.0.0.0/8", InsecureOwn: true})
	with, without := w.imds(), w.from("")
	if out := at(w.endpoint.Proxied(), "169.254.169.254", with); out.Code != 200 {
		t.Errorf("with the secret: status %d, %s", out.Code, out.Body)
	}
	if out := at(w.endpoint.Proxied(), "169.254.169.254", without); out.Code != http.StatusUnauthorized {
		t.Errorf("without: status %d, %s", out.Code, out.Body)
	}
	if out := at(w.endpoint.Proxied(), "page.example", with); out.Code != http.StatusBadRequest {
		t.Errorf("under a foreign name: status %d, %s", out.Code, out.Body)
	}
}
