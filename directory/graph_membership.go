package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/midas-mysql/midas"
)

// ErrHasReference: the member or owner to be added is one already.
var ErrHasReference = errors.New("the reference exists already")

// reference is a relation between two directory objects: from one that is looked after
// to those that are in it or answer for it.
type reference struct{ table, from, to, word string }

var (
	members = reference{"membership", "security_group", "member", "members"}
	owners  = reference{"ownership", "owned", "owner", "owners"}
)

// AddMember puts a user, group or service principal into a group. Errors are NotFound
// (either), Invalid (the group into itself) or Conflict with ErrHasReference.
func (d *Directory) AddMember(ctx context.Context, by *Operation, groupID, memberID string) error {
	return d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := d.loadSecurityGroup(ctx, tx, groupID); err != nil {
			return err
		}
		return d.addReference(ctx, tx, members, groupID, memberID)
	})
}

// RemoveMember takes a member out of a group. NotFound when it is not one, or when
// there is no such group.
func (d *Directory) RemoveMember(ctx context.Context, by *Operation, groupID, memberID string) error {
	return d.removeReference(ctx, by, members, groupID, memberID)
}

// AddOwner makes a user or service principal an owner of a group, application or
// service principal. Errors are as of AddMember.
func (d *Directory) AddOwner(ctx context.Context, by *Operation, ownedID, ownerID string) error {
	return d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		owned, err := d.loadObject(ctx, tx, ownedID)
		if err == nil && owned.User != nil {
			err = midas.Errorf(midas.Invalid, "A user has no owners.")
		}
		if err != nil {
			return err
		}
		return d.addReference(ctx, tx, owners, ownedID, ownerID)
	})
}

// RemoveOwner takes an owner away, or returns NotFound.
func (d *Directory) RemoveOwner(ctx context.Context, by *Operation, ownedID, ownerID string) error {
	return d.removeReference(ctx, by, owners, ownedID, ownerID)
}

func (d *Directory) addReference(ctx context.Context, tx *sql.Tx, r reference, from, to string) error {
	from, to = fold(from), fold(to)
	if from == to {
		return midas.Errorf(midas.Invalid, "An object cannot be added to its own %s.", r.word)
	}
	found, err := d.findObjects(ctx, tx, byObjectID, to)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return noObject(to)
	}
	if r == owners && found[0].Kind == midas.KindGroup {
		return midas.Errorf(midas.Invalid, "The reference target '%s' is of type 'Group' and cannot be an owner.", to)
	}
	added, err := affected(tx.ExecContext(ctx, `INSERT OR IGNORE INTO `+r.table+` (`+r.from+`, `+r.to+`) VALUES (?, ?)`, from, to))
	if err == nil && !added {
		return &midas.Error{Code: midas.Conflict, Err: ErrHasReference, Message: "One or more added object references already exist for the following modified properties: '" + r.word + "'."}
	}
	return err
}

func (d *Directory) removeReference(ctx context.Context, by *Operation, r reference, from, to string) error {
	return d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err := affected(tx.ExecContext(ctx, `DELETE FROM `+r.table+` WHERE `+r.from+` = ? AND `+r.to+` = ?`, fold(from), fold(to)))
		if err == nil && !existed {
			return noObject(to)
		}
		return err
	})
}

// groupsOf lists the groups that an object is in, be it through other groups. UNION
// drops what was seen, so that groups which contain each other end the walk.
const groupsOf = `WITH RECURSIVE up (id) AS (
  SELECT security_group FROM membership WHERE member = ?1
  UNION SELECT m.security_group FROM membership m JOIN up ON m.member = up.id
) `

// MemberGroups returns the object ids of all groups that a user, group or service
// principal is in, be it through other groups, sorted. An id that does not exist is
// in none.
func (d *Directory) MemberGroups(ctx context.Context, objectID string) ([]string, error) {
	ids := []string{}
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		ids, err = column(ctx, tx, groupsOf+`SELECT id FROM up ORDER BY id`, fold(objectID))
		return err
	})
	return ids, err
}

// column reads the one text column of a query.
func column(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []string{}
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, rows.Err()
}
