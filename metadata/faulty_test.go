package metadata_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/token"
)

// fault orders a fault for the next request.
func (w *world) fault(vmID string, kind injection.Kind) {
	w.Helper()
	f := injection.Fault{VMID: vmID, Kind: kind, Count: 1, Until: w.now.Add(time.Minute)}
	if kind == injection.Slow {
		f.Delay = time.Second
	}
	w.must(w.faults.InjectFault(f))
}

// A fault has its own status and the shape of the dialect. The next request gets a token.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	id := w.system()
	for name, r := range map[string]request{
		"imds": w.imds(), "app service": w.appService(), "2017": w.old(), "cloud shell": w.cloudShell(), "fabric": w.fabric(),
	} {
		for kind, status := range map[injection.Kind]int{
			injection.Throttled: 429, injection.NotFound: 404, injection.Gone: 410, injection.ServerError: 500,
		} {
			w.fault("", kind)
			out := w.send(r)
			body := out.Body.String()
			if out.Code != status || !strings.HasPrefix(body, "{") || strings.Contains(body, "access_token") {
				t.Errorf("%s, %s: status %d, %s", name, kind, out.Code, body)
			}
			if p := w.principal(w.token(r)); p.ClientID != id.ClientID {
				t.Errorf("%s after %s: token of %s", name, kind, p.ClientID)
			}
		}
		w.fault("", injection.Empty)
		if out := w.send(r); out.Code != 200 || out.Body.Len() > 0 {
			t.Errorf("%s, empty: status %d, %s", name, out.Code, out.Body)
		}
		w.fault("", injection.NotJSON)
		if out := w.send(r); out.Code != 200 || out.Header().Get("Content-Type") != "text/html" || !strings.HasPrefix(out.Body.String(), "<") {
			t.Errorf("%s, not JSON: status %d, %s", name, out.Code, out.Body)
		}
	}
}

// Each faulty token is refused for what is wrong with it, and is not cached.
func TestFaultyTokens(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	good := w.token(w.imds())["access_token"]
	for kind, want := range map[injection.Kind]string{
		injection.Expired: "expired", injection.WrongAudience: "audience", injection.UnknownKey: "",
	} {
		w.fault(w.vm.VMID, kind)
		answer := w.token(w.imds())
		_, err := w.verifier.Verify(t.Context(), answer["access_token"])
		if midas.CodeOf(err) != midas.Unauthenticated || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
		if again := w.token(w.imds())["access_token"]; again != good {
			t.Errorf("after %s the token is another one", kind)
		}
	}
	w.fault(w.vm.VMID, injection.UnknownKey)
	header, _, err := token.DecodeUnverified(w.token(w.imds())["access_token"])
	w.must(err)
	was, _, err := token.DecodeUnverified(good)
	w.must(err)
	if header.KeyID == was.KeyID {
		t.Errorf("the key is %s still", header.KeyID)
	}
}

// A slow answer is the right one.
func TestSlowFault(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	w.token(w.imds())
	synctest.Test(t, func(*testing.T) {
		w.fault("", injection.Slow)
		begin := time.Now()
		w.token(w.imds())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// A fault affects the machine that it is for, as often and as long as it was ordered.
func TestFaultsEnd(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	status := func(want int) {
		t.Helper()
		if out := w.send(w.imds()); out.Code != want {
			t.Fatalf("status %d, want %d", out.Code, want)
		}
	}
	mine, other := w.vm, w.neighbour("other")
	w.must(w.faults.InjectFault(injection.Fault{VMID: mine.VMID, Kind: injection.Gone, Count: 2, Until: w.now.Add(time.Minute)}))
	w.vm = other
	status(200)
	w.vm = mine
	status(410)
	status(410)
	status(200)
	w.must(w.faults.InjectFault(injection.Fault{VMID: mine.VMID, Kind: injection.Gone, Count: 1000, Until: w.now.Add(time.Minute)}))
	w.must(w.faults.InjectFault(injection.Fault{Kind: injection.Throttled, Count: 1000, Until: w.now.Add(time.Hour)}))
	status(410)
	if all := w.faults.Faults(mine.VMID); len(all) != 2 || all[0].Count != 999 {
		t.Errorf("faults that hold: %+v", all)
	}
	w.now = w.now.Add(time.Minute)
	status(429)
	if n := w.faults.ClearFaults(mine.VMID); n != 0 {
		t.Errorf("%d of the machine's own were ended", n)
	}
	status(429)
	if n := w.faults.ClearFaults(""); n != 1 {
		t.Errorf("%d for every machine were ended", n)
	}
	status(200)
	if all := w.faults.Faults(""); len(all) != 0 {
		t.Errorf("faults that hold: %+v", all)
	}
}

// A fault affects only requests for tokens, and only those of known machines.
func TestFaultsAreForTokensOfKnownMachines(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	w.must(w.faults.InjectFault(injection.Fault{Kind: injection.ServerError, Count: 10, Until: w.now.Add(time.Hour)}))
	stranger := w.imds()
	stranger.header.Del("X-Identity-Header")
	if out := w.send(stranger); out.Code != 401 {
		t.Errorf("a stranger: status %d", out.Code)
	}
	if out := w.send(w.get("/metadata/instance", "api-version=2021-02-01")); out.Code != 200 {
		t.Errorf("the instance: status %d", out.Code)
	}
	if all := w.faults.Faults(""); len(all) != 1 || all[0].Count != 10 {
		t.Errorf("faults that hold: %+v", all)
	}
}
