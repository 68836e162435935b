package directory

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestRecognition(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	a, _, err := d.PutVM(ctx, nil, "rg", "a", Change{Location: "eastus"})
	must(t)(err)
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "b", Change{Location: "eastus"})))
	r, created, err := d.PutWorkloadMatch(ctx, nil, "RG", "A", "Net", WorkloadMatchInput{CIDR: "10.1.2.3"})
	must(t)(err)
	if !created || r.Name != "Net" || r.VMID != a.VMID || r.Network != netip.MustParsePrefix("10.1.2.3/32") {
		t.Errorf("%t, %+v", created, r)
	}
	r, created, err = d.PutWorkloadMatch(ctx, nil, "rg", "a", "net", WorkloadMatchInput{UserID: "1000"})
	must(t)(err)
	if created || r.UserID == nil || *r.UserID != 1000 || r.Network.IsValid() {
		t.Errorf("replaced: %t, %+v", created, r)
	}
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "a", "group", WorkloadMatchInput{Cgroup: "/app.slice/"})))
	all, err := d.ListWorkloadMatches(ctx, "rg", "a")
	must(t)(err)
	if len(all) != 2 || all[0].Cgroup != "/app.slice" {
		t.Errorf("listed: %+v", all)
	}
	// The same again is no conflict with itself, but with any other it is, in any spelling.
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "a", "group", WorkloadMatchInput{Cgroup: "/app.slice"})))
	for _, same := range []WorkloadMatchInput{{Cgroup: "//app.slice"}, {UserID: "01000"}} {
		_, _, err = d.PutWorkloadMatch(ctx, nil, "rg", "b", "mine", same)
		wantCode(t, err, midas.Conflict)
		_, _, err = d.PutWorkloadMatch(ctx, nil, "rg", "a", "second", same)
		wantCode(t, err, midas.Conflict)
	}
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "b", "six", WorkloadMatchInput{CIDR: "::ffff:10.9.0.0/112"})))
	_, _, err = d.PutWorkloadMatch(ctx, nil, "rg", "a", "four", WorkloadMatchInput{CIDR: "10.9.0.0/16"})
	wantCode(t, err, midas.Conflict)

	_, err = d.GetWorkloadMatch(ctx, "rg", "a", "nothing")
	wantCode(t, err, midas.NotFound)
	_, _, err = d.PutWorkloadMatch(ctx, nil, "rg", "none", "x", WorkloadMatchInput{UserID: "1"})
	wantCode(t, err, midas.NotFound)
	_, err = d.ListWorkloadMatches(ctx, "rg", "none")
	wantCode(t, err, midas.NotFound)

	existed, err := d.DeleteWorkloadMatch(ctx, nil, "rg", "A", "NET")
	must(t)(err)
	if again, err := d.DeleteWorkloadMatch(ctx, nil, "rg", "a", "net"); !existed || again || err != nil {
		t.Errorf("deleted: %t, then %t, %v", existed, again, err)
	}
	// Marks end with their machine, and a machine that is made again has none.
	must(t)(second(d.DeleteVM(ctx, nil, "rg", "a")))
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "a", Change{Location: "eastus"})))
	every, err := d.WorkloadMatches(ctx)
	must(t)(err)
	if len(every) != 1 || every[0].Name != "six" {
		t.Errorf("after the machine is gone: %+v", every)
	}
}

// A narrower match would take another machine's callers, a wider one those that it does
// not have yet: neither, and the answer does not tell whose it is. One machine may have
// both.
func TestMatchesOfTwoMachinesDoNotOverlap(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	for _, name := range []string{"victim", "evil"} {
		must(t)(ignore(d.PutVM(ctx, nil, "rg", name, Change{Location: "eastus"})))
	}
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "victim", "net", WorkloadMatchInput{CIDR: "10.1.2.0/24"})))
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "victim", "six", WorkloadMatchInput{CIDR: "fd00:1::/64"})))
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "victim", "app", WorkloadMatchInput{Cgroup: "/app.slice/web"})))
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "victim", "me", WorkloadMatchInput{UserID: "1000"})))
	for _, m := range []WorkloadMatchInput{
		{CIDR: "10.1.2.3"},
		{CIDR: "10.1.0.0/16"},
		{CIDR: "::ffff:10.1.2.128/121"},
		{CIDR: "fd00:1::5"},
		{Cgroup: "/app.slice/web/worker"},
		{Cgroup: "/app.slice"},
		{UserID: "1000"},
	} {
		_, _, err := d.PutWorkloadMatch(ctx, nil, "rg", "evil", "steal", m)
		wantCode(t, err, midas.Conflict)
		if err != nil && strings.Contains(err.Error(), "victim") {
			t.Errorf("%+v: %v", m, err)
		}
	}
	for i, m := range []WorkloadMatchInput{{CIDR: "10.1.3.0/24"}, {CIDR: "fd00:1:0:1::/64"}, {Cgroup: "/app.slice/web2"}, {UserID: "1001"}} {
		must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "evil", "own"+strconv.Itoa(i), m)))
	}
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "victim", "one", WorkloadMatchInput{CIDR: "10.1.2.3"})))
	must(t)(ignore(d.PutWorkloadMatch(ctx, nil, "rg", "victim", "net", WorkloadMatchInput{CIDR: "10.1.0.0/23"})))
}

func TestMeaninglessMatchesAreRefused(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus"})))
	for _, m := range []WorkloadMatchInput{
		{},
		{CIDR: "10.0.0.0/8", UserID: "1"},
		{CIDR: "0.0.0.0/0"},
		{CIDR: "::/0"},
		{CIDR: "::ffff:0.0.0.0/96"},
		{CIDR: "10.1.2.3/24"},
		{CIDR: "fe80::1%eth0"},
		{CIDR: "10.1.2"},
		{CIDR: "::ffff:10.0.0.0/8"},
		{UserID: "-1"},
		{UserID: "root"},
		{UserID: "4294967295"},
		{UserID: "4294967296"},
		{Cgroup: "/"},
		{Cgroup: "app.slice"},
		{Cgroup: "/a/../../b"},
		{Cgroup: "/a\nb"},
		{UserID: "1", InsecureOwn: true},
		{Cgroup: "/a", InsecureOwn: true},
		{CIDR: "0.0.0.0/0", InsecureOwn: true},
	} {
		if r, _, err := d.PutWorkloadMatch(ctx, nil, "rg", "vm", "x", m); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%+v: %+v, %v", m, r, err)
		}
	}
	for _, name := range []string{"", "a/b", "..", "a b", "ä", string(make([]byte, 81))} {
		if _, _, err := d.PutWorkloadMatch(ctx, nil, "rg", "vm", name, WorkloadMatchInput{UserID: "1"}); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

// Every user of this machine calls from a loopback address.
func TestMatchOfLoopbackNeedsInsecureOwnAddresses(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus"})))
	for _, cidr := range []string{
		"127.0.0.1", "127.0.0.0/8", "127.8.0.0/16", "::1", "::ffff:127.0.0.0/104", "::ffff:127.0.0.1", "0.0.0.0/1", "126.0.0.0/7", "96.0.0.0/3", "::/1", "::/64", "::/127",
	} {
		if r, _, err := d.PutWorkloadMatch(ctx, nil, "rg", "vm", "x", WorkloadMatchInput{CIDR: cidr}); midas.CodeOf(err) != midas.Invalid || !strings.Contains(err.Error(), "insecureOwnAddresses") {
			t.Errorf("%s: %+v, %v", cidr, r, err)
		}
		r, _, err := d.PutWorkloadMatch(ctx, nil, "rg", "vm", "x", WorkloadMatchInput{CIDR: cidr, InsecureOwn: true})
		if err != nil || !r.InsecureOwn {
			t.Errorf("%s, said twice: %+v, %v", cidr, r, err)
		}
	}
	for _, cidr := range []string{"128.0.0.0/1", "126.0.0.0/8", "::2", "::ffff:10.0.0.0/104", "fd00::/8"} {
		if r, _, err := d.PutWorkloadMatch(ctx, nil, "rg", "vm", "x", WorkloadMatchInput{CIDR: cidr}); err != nil || r.InsecureOwn {
			t.Errorf("%s: %+v, %v", cidr, r, err)
		}
	}
}
