package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// User is a person as the directory keeps them.
type User struct {
	midas.User
	MailNickname string
	Enabled      bool
	// MustChange marks a password that is good for nothing but to be changed.
	MustChange bool
	Body       json.RawMessage // a JSON object: what its client sent and midas has no word for
	Created    time.Time
	Changed    time.Time
}

// UserChange is what a client asks of a user: nil leaves alone.
type UserChange struct {
	UPN, DisplayName, GivenName, Surname, Mail, MailNickname *string
	Guest, Enabled                                           *bool
	Password                                                 *string // never stored as it is
	MustChange                                               *bool
	Body                                                     json.RawMessage // merged as RFC 7396 says
}

const userQuery = `SELECT object_id, upn, name, given_name, surname, mail, mail_nickname, guest, enabled, must_change, stamp, body, created, changed FROM user `

// CreateUser makes a user. UPN, DisplayName and MailNickname are needed. A user
// without a password cannot sign in with one. Errors are Invalid, or Conflict when
// the user principal name is taken, in whatever case.
func (d *Directory) CreateUser(ctx context.Context, by *Operation, c UserChange) (u User, err error) {
	if c.UPN == nil || c.DisplayName == nil || c.MailNickname == nil {
		return User{}, midas.Errorf(midas.Invalid, "A value is required for the properties 'userPrincipalName', 'displayName' and 'mailNickname' of resource 'User'.")
	}
	u = User{User: midas.User{ObjectID: uuid.NewString(), TenantID: d.tenantID}, Enabled: true, Created: d.now()}
	return d.storeUser(ctx, by, c, func(ctx context.Context, tx *sql.Tx) (User, error) {
		_, err := tx.ExecContext(ctx, `INSERT INTO user (object_id, upn_key, upn, key, name, given_name, surname, mail, mail_nickname, guest, enabled, must_change, password, body, created, changed)
VALUES (?1, ?1, '', '', '', '', '', '', '', 0, 1, 0, '', '{}', ?2, ?2)`, u.ObjectID, d.millis())
		return u, err
	})
}

// UpdateUser changes a user, found by object id or user principal name. Errors are
// NotFound, Invalid or Conflict.
func (d *Directory) UpdateUser(ctx context.Context, by *Operation, id string, c UserChange) (User, error) {
	return d.storeUser(ctx, by, c, func(ctx context.Context, tx *sql.Tx) (User, error) {
		return d.loadUser(ctx, tx, id)
	})
}

// storeUser carries c out on the user that start returns.
func (d *Directory) storeUser(ctx context.Context, by *Operation, c UserChange, start func(context.Context, *sql.Tx) (User, error)) (u User, err error) {
	if err := c.check(); err != nil {
		return User{}, err
	}
	password := ""
	if c.Password != nil {
		// Before the transaction, since nobody else can write during it.
		if password, err = d.hasher.hash(ctx, *c.Password); err != nil {
			return User{}, err
		}
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		if u, err = start(ctx, tx); err != nil {
			return err
		}
		if err := d.freeUPN(ctx, tx, u.ObjectID, c.UPN); err != nil {
			return err
		}
		body, err := c.apply(&u)
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `UPDATE user SET upn_key = ?, upn = ?, key = ?, name = ?, given_name = ?, surname = ?, mail = ?, mail_nickname = ?,
guest = ?, enabled = ?, must_change = ?, password = CASE WHEN ? = '' THEN password ELSE ? END, body = ?, changed = ? WHERE object_id = ?`,
			fold(u.UPN), u.UPN, fold(u.DisplayName), u.DisplayName, u.GivenName, u.Surname, u.Mail, u.MailNickname,
			u.Guest, u.Enabled, u.MustChange, password, password, string(body), d.millis(), u.ObjectID); err != nil {
			return err
		}
		u, err = d.loadUser(ctx, tx, u.ObjectID)
		return err
	})
	return u, err
}

// freeUPN refuses a user principal name that another user has.
func (d *Directory) freeUPN(ctx context.Context, tx *sql.Tx, self string, upn *string) error {
	if upn == nil {
		return nil
	}
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM user WHERE upn_key = ? AND object_id <> ?)`, fold(*upn), self).Scan(&taken)
	if err == nil && taken {
		return midas.Errorf(midas.Conflict, "Another object with the same value for property userPrincipalName already exists.")
	}
	return err
}

func (c UserChange) check() error {
	for _, f := range []struct {
		name     string
		value    *string
		required bool
		most     int
	}{
		// The limits are those of the reference of Graph's resource type user.
		{"displayName", c.DisplayName, true, 256},
		{"givenName", c.GivenName, false, 64},
		{"surname", c.Surname, false, 64},
		{"mail", c.Mail, false, 256},
		{"mailNickname", c.MailNickname, true, 64},
	} {
		if f.value == nil {
			continue
		}
		if err := checkText("User", f.name, *f.value, f.required, f.most); err != nil {
			return err
		}
	}
	if c.UPN != nil && !validUPN(*c.UPN) {
		return badProperty("User", "userPrincipalName")
	}
	if c.MailNickname != nil && !validNickname(*c.MailNickname) {
		return badProperty("User", "mailNickname")
	}
	if c.Password != nil {
		return checkPassword(*c.Password)
	}
	return nil
}

// apply lays c over u and returns the new body.
func (c UserChange) apply(u *User) (json.RawMessage, error) {
	set(&u.UPN, c.UPN)
	set(&u.DisplayName, c.DisplayName)
	set(&u.GivenName, c.GivenName)
	set(&u.Surname, c.Surname)
	set(&u.Mail, c.Mail)
	set(&u.MailNickname, c.MailNickname)
	set(&u.Guest, c.Guest)
	set(&u.Enabled, c.Enabled)
	if c.Password != nil {
		u.MustChange = false
	}
	set(&u.MustChange, c.MustChange)
	return mergeBody(u.Body, c.Body)
}

func set[T any](into, value *T) {
	if value != nil {
		*into = *value
	}
}

// validUPN follows Entra's rules for cloud users: at most 64 characters before the @
// and 48 after it. Any domain is taken: there is none to verify.
// Source: Microsoft Learn, "Plan and troubleshoot User Principal Name changes";
// "Password policies…", section on the allowed characters.
func validUPN(upn string) bool {
	local, domain, ok := strings.Cut(upn, "@")
	return ok && within(local, 1, 64, "'.-_!#^~") && within(domain, 1, 48, ".-") &&
		!strings.HasSuffix(local, ".") && alphanumeric(domain[0]) && alphanumeric(domain[len(domain)-1]) && !strings.Contains(domain, "..")
}

// GetUser finds a user by object id or user principal name, or returns NotFound.
func (d *Directory) GetUser(ctx context.Context, id string) (u User, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		u, err = d.loadUser(ctx, tx, id)
		return err
	})
	return u, err
}

// UserByID returns who has the object id, for a token to be made out to. Errors are
// NotFound, or Forbidden when the account is disabled.
func (d *Directory) UserByID(ctx context.Context, objectID string) (midas.User, error) {
	u, err := d.GetUser(ctx, objectID)
	switch {
	case err != nil:
		return midas.User{}, err
	case !strings.EqualFold(u.ObjectID, objectID):
		return midas.User{}, noObject(objectID)
	case !u.Enabled:
		return midas.User{}, midas.Errorf(midas.Forbidden, "the account of user %s is disabled", u.UPN)
	}
	return u.User, nil
}

// DeleteUser removes a user with all memberships and roles; existed is false when
// there was none.
func (d *Directory) DeleteUser(ctx context.Context, by *Operation, id string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM user WHERE object_id = ?1 OR upn_key = ?1`, fold(id)))
		return err
	})
	return existed, err
}

// CheckPassword returns the user whose password it is. Any refusal is Unauthenticated,
// with one text and at one cost for an unknown user, a wrong password, a user without
// one and a disabled account. It is Unavailable when too many ask at once. Only who
// knows the password is told that it must be changed first: that error is Public.
func (d *Directory) CheckPassword(ctx context.Context, upn, password string) (midas.User, error) {
	var hash string
	var u User
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Both are asked of an unknown user too: neither the answer nor its delay tells.
		err := tx.QueryRowContext(ctx, `SELECT password FROM user WHERE upn_key = ?`, fold(upn)).Scan(&hash)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		u, err = d.scanUser(tx.QueryRowContext(ctx, userQuery+`WHERE upn_key = ?`, fold(upn)))
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return midas.User{}, err
	}
	ok, err := d.hasher.matches(ctx, password, hash)
	if err != nil {
		return midas.User{}, err
	}
	if !ok || !u.Enabled {
		return midas.User{}, midas.Errorf(midas.Unauthenticated, "invalid user name or password for %q", clip.Text(upn))
	}
	if u.MustChange {
		refusal := midas.Errorf(midas.Unauthenticated, "the password of %s must be changed before it can be used", u.UPN).
			WithHint("an administrator sets a new one: midas ad user update --id %s --password PASSWORD", u.UPN)
		refusal.Public = true
		return midas.User{}, refusal
	}
	return u.User, nil
}

func (d *Directory) loadUser(ctx context.Context, tx *sql.Tx, id string) (User, error) {
	u, err := d.scanUser(tx.QueryRowContext(ctx, userQuery+`WHERE object_id = ?1 OR upn_key = ?1`, fold(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, noObject(id)
	}
	return u, err
}

func (d *Directory) scanUser(row interface{ Scan(...any) error }) (User, error) {
	u := User{User: midas.User{TenantID: d.tenantID}}
	var body string
	var created, changed int64
	err := row.Scan(&u.ObjectID, &u.UPN, &u.DisplayName, &u.GivenName, &u.Surname, &u.Mail, &u.MailNickname,
		&u.Guest, &u.Enabled, &u.MustChange, &u.Stamp, &body, &created, &changed)
	u.Body, u.Created, u.Changed = json.RawMessage(body), moment(created), moment(changed)
	return u, err
}

func moment(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
