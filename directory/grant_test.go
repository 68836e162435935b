package directory

import (
	"context"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// TestGrantsAreNotOutrunByTheirEnd keeps grants for what was checked before it changed.
func TestGrantsAreNotOutrunByTheirEnd(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	u := person(t, d, "alice")
	g := midas.Grant{Family: "f", ClientID: "c", UserID: u.ObjectID, Begun: noon, Ends: noon.Add(time.Hour)}
	first, second, other := [32]byte{1}, [32]byte{2}, [32]byte{3}
	must(t)(d.KeepGrant(ctx, first, g, u.Stamp, nil))
	must(t)(d.KeepGrant(ctx, second, g, u.Stamp, &first))
	must(t)(d.RevokeGrants(ctx, "f"))
	wantCode(t, d.KeepGrant(ctx, other, g, u.Stamp, &second), midas.NotFound)
	must(t)(d.RevokeUserGrants(ctx, u.ObjectID))
	wantCode(t, d.KeepGrant(ctx, other, g, u.Stamp, nil), midas.NotFound)
}

func TestMadeUpRefreshTokenChangesNothing(t *testing.T) {
	d := fresh(t)
	writer, err := d.writer.Conn(t.Context()) // the only one: whoever wants it waits
	must(t)(err)
	defer writer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err = d.TakeGrant(ctx, [32]byte{1}, noon)
	wantCode(t, err, midas.NotFound)
}
