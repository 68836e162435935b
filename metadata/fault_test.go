package metadata_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// fault orders one, of one request.
func (w *world) fault(vmID string, kind midas.FaultKind) {
	w.Helper()
	f := midas.Fault{VMID: vmID, Kind: kind, Count: 1, Until: w.now.Add(time.Minute)}
	if kind == midas.FaultSlow {
		f.Delay = time.Second
	}
	w.must(w.endpoint.InjectFault(f))
}

// Each fault in each dialect: the status is the fault's, the shape the dialect's, and the
// request after it is answered as ever.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	id := w.system()
	for name, r := range map[string]request{
		"imds": w.imds(), "app service": w.appService(), "2017": w.old(), "cloud shell": w.cloudShell(), "fabric": w.fabric(),
	} {
		for kind, status := range map[midas.FaultKind]int{
			midas.FaultThrottled: 429, midas.FaultNotFound: 404, midas.FaultGone: 410, midas.FaultServerError: 500,
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
		w.fault("", midas.FaultEmpty)
		if out := w.send(r); out.Code != 200 || out.Body.Len() > 0 {
			t.Errorf("%s, empty: status %d, %s", name, out.Code, out.Body)
		}
		w.fault("", midas.FaultNotJSON)
		if out := w.send(r); out.Code != 200 || out.Header().Get("Content-Type") != "text/html" || !strings.HasPrefix(out.Body.String(), "<") {
			t.Errorf("%s, not JSON: status %d, %s", name, out.Code, out.Body)
		}
	}
}

// The faulty tokens are refused for what is wrong with them, and are not remembered.
func TestFaultyTokens(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	good := w.token(w.imds())["access_token"]
	for kind, want := range map[midas.FaultKind]string{
		midas.FaultExpired: "expired", midas.FaultWrongAudience: "audience", midas.FaultUnknownKey: "",
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
	w.fault(w.vm.VMID, midas.FaultUnknownKey)
	header, _, err := token.DecodeUnverified(w.token(w.imds())["access_token"])
	w.must(err)
	was, _, err := token.DecodeUnverified(good)
	w.must(err)
	if header.KeyID == was.KeyID {
		t.Errorf("the key is %s still", header.KeyID)
	}
}

// A slow answer is a good one, later.
func TestSlowFault(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	w.token(w.imds())
	synctest.Test(t, func(*testing.T) {
		w.fault("", midas.FaultSlow)
		begin := time.Now()
		w.token(w.imds())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// A fault strikes whom it is for, as often and as long as it was told.
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
	w.must(w.endpoint.InjectFault(midas.Fault{VMID: mine.VMID, Kind: midas.FaultGone, Count: 2, Until: w.now.Add(time.Minute)}))
	w.vm = other
	status(200)
	w.vm = mine
	status(410)
	status(410)
	status(200)
	w.must(w.endpoint.InjectFault(midas.Fault{VMID: mine.VMID, Kind: midas.FaultGone, Count: 1000, Until: w.now.Add(time.Minute)}))
	w.must(w.endpoint.InjectFault(midas.Fault{Kind: midas.FaultThrottled, Count: 1000, Until: w.now.Add(time.Hour)}))
	status(410)
	if all := w.endpoint.Faults(mine.VMID); len(all) != 2 || all[0].Count != 999 {
		t.Errorf("they stand: %+v", all)
	}
	w.now = w.now.Add(time.Minute)
	status(429)
	if n := w.endpoint.ClearFaults(mine.VMID); n != 0 {
		t.Errorf("%d of the machine's own stood", n)
	}
	status(429)
	if n := w.endpoint.ClearFaults(""); n != 1 {
		t.Errorf("%d of everybody's stood", n)
	}
	status(200)
	if all := w.endpoint.Faults(""); len(all) != 0 {
		t.Errorf("they stand: %+v", all)
	}
}

// A stranger learns nothing of faults, and none strikes what is no token.
func TestFaultsAreForTokensOfTheKnown(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	w.must(w.endpoint.InjectFault(midas.Fault{Kind: midas.FaultServerError, Count: 10, Until: w.now.Add(time.Hour)}))
	stranger := w.imds()
	stranger.header.Del("X-Identity-Header")
	if out := w.send(stranger); out.Code != 401 {
		t.Errorf("a stranger: status %d", out.Code)
	}
	if out := w.send(w.get("/metadata/instance", "api-version=2021-02-01")); out.Code != 200 {
		t.Errorf("the instance: status %d", out.Code)
	}
	if all := w.endpoint.Faults(""); len(all) != 1 || all[0].Count != 10 {
		t.Errorf("they stand: %+v", all)
	}
}

func TestFaultsWithoutEndAreRefused(t *testing.T) {
	w := newWorld(t)
	later := w.now.Add(time.Minute)
	for name, f := range map[string]midas.Fault{
		"no kind":         {Count: 1, Until: later},
		"another kind":    {Kind: "fire", Count: 1, Until: later},
		"no number":       {Kind: midas.FaultGone, Until: later},
		"a huge number":   {Kind: midas.FaultGone, Count: 1 << 30, Until: later},
		"no end":          {Kind: midas.FaultGone, Count: 1},
		"a past end":      {Kind: midas.FaultGone, Count: 1, Until: w.now},
		"a far end":       {Kind: midas.FaultGone, Count: 1, Until: w.now.Add(48 * time.Hour)},
		"slow without":    {Kind: midas.FaultSlow, Count: 1, Until: later},
		"slow for ever":   {Kind: midas.FaultSlow, Count: 1, Until: later, Delay: time.Hour},
		"a delay of gone": {Kind: midas.FaultGone, Count: 1, Until: later, Delay: time.Second},
	} {
		if err := w.endpoint.InjectFault(f); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 1001 {
		err := w.endpoint.InjectFault(midas.Fault{Kind: midas.FaultGone, Count: 1, Until: later})
		if (err != nil) != (i == 1000) {
			t.Fatalf("fault %d: %v", i, err)
		}
	}
}
