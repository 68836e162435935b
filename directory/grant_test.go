package directory

import (
	"context"
	"crypto/sha256"
	"strconv"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// TestGrantsAreNotOutrunByTheirEnd keeps grants for what was checked before it changed.
func TestGrantsAreNotOutrunByTheirEnd(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	u := person(t, d, "alice")
	g := Grant{Family: "f", ClientID: "c", UserID: u.ObjectID, Begun: noon, Ends: noon.Add(time.Hour)}
	first, second, other := [32]byte{1}, [32]byte{2}, [32]byte{3}
	must(t)(d.KeepGrant(ctx, first, g, u.Stamp, nil, noon))
	must(t)(d.KeepGrant(ctx, second, g, u.Stamp, &first, noon))
	must(t)(d.RevokeGrants(ctx, "f"))
	wantCode(t, d.KeepGrant(ctx, other, g, u.Stamp, &second, noon), midas.NotFound)
	must(t)(d.RevokeUserGrants(ctx, u.ObjectID))
	wantCode(t, d.KeepGrant(ctx, other, g, u.Stamp, nil, noon), midas.NotFound)
}

func TestMadeUpRefreshTokenChangesNothing(t *testing.T) {
	d := fresh(t)
	writer, err := d.writer.Conn(t.Context()) // the only one: anyone who wants it waits
	must(t)(err)
	defer writer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err = d.TakeGrant(ctx, [32]byte{1}, "", noon)
	wantCode(t, err, midas.NotFound)
}

// A person's sign-ins are bounded: the one ends that was longest not gone on with, and no
// other person's.
func TestSignInsOfOnePersonAreBounded(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	alice, bob := person(t, d, "alice"), person(t, d, "bob")
	now, made := noon, 0
	keep := func(u User, family string, parent *[32]byte) [32]byte {
		t.Helper()
		now, made = now.Add(time.Second), made+1
		digest := sha256.Sum256([]byte(strconv.Itoa(made)))
		g := Grant{Family: family, ClientID: "c", UserID: u.ObjectID, Begun: now, Ends: now.Add(time.Hour)}
		must(t)(d.KeepGrant(ctx, digest, g, u.Stamp, parent, now))
		return digest
	}
	bobs := keep(bob, "bob", nil)
	var all [][32]byte
	for n := range maxFamilies {
		all = append(all, keep(alice, strconv.Itoa(n), nil))
	}
	keep(alice, "0", &all[0])
	keep(alice, "new", nil)
	for _, kept := range [][32]byte{bobs, all[0], all[2], all[maxFamilies-1]} {
		must(t)(ignore(d.TakeGrant(ctx, kept, "", now)))
	}
	_, _, err := d.TakeGrant(ctx, all[1], "", now)
	wantCode(t, err, midas.NotFound)
	var families int
	must(t)(d.reader.QueryRow(`SELECT count(DISTINCT family) FROM refresh_grant WHERE user = ?`, alice.ObjectID).Scan(&families))
	if families != maxFamilies {
		t.Errorf("%d sign-ins", families)
	}
}
