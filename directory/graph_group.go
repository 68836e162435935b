package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

// SecurityGroup is a group of users, groups and service principals. Its name need not
// be unique.
type SecurityGroup struct {
	ObjectID     string
	Name         string
	MailNickname string
	Description  string
	Body         json.RawMessage // a JSON object: what its client sent and midas has no word for
	Created      time.Time
	Changed      time.Time
}

// SecurityGroupChange is what a client asks of a security group: nil leaves alone.
type SecurityGroupChange struct {
	Name, MailNickname, Description *string
	Body                            json.RawMessage // merged as RFC 7396 says
	// Owners and Members are object ids to add.
	Owners, Members []string
}

const securityGroupQuery = `SELECT object_id, name, mail_nickname, description, body, created, changed FROM security_group `

// CreateSecurityGroup makes a group with its first owners and members. Name and
// MailNickname are needed. Errors are Invalid, or NotFound for an owner or member.
func (d *Directory) CreateSecurityGroup(ctx context.Context, by *Operation, c SecurityGroupChange) (g SecurityGroup, err error) {
	if c.Name == nil || c.MailNickname == nil {
		return g, midas.Errorf(midas.Invalid, "A value is required for the properties 'displayName' and 'mailNickname' of resource 'Group'.")
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		id := uuid.NewString()
		if _, err := tx.ExecContext(ctx, `INSERT INTO security_group (object_id, key, name, mail_nickname, description, body, created, changed)
VALUES (?1, '', '', '', '', '{}', ?2, ?2)`, id, d.millis()); err != nil {
			return err
		}
		g, err = d.changeSecurityGroup(ctx, tx, SecurityGroup{ObjectID: id}, c)
		return err
	})
	return g, err
}

// UpdateSecurityGroup changes a group. Errors are NotFound, Invalid, or Conflict with
// ErrHasReference.
func (d *Directory) UpdateSecurityGroup(ctx context.Context, by *Operation, id string, c SecurityGroupChange) (g SecurityGroup, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		if g, err = d.loadSecurityGroup(ctx, tx, id); err != nil {
			return err
		}
		g, err = d.changeSecurityGroup(ctx, tx, g, c)
		return err
	})
	return g, err
}

func (d *Directory) changeSecurityGroup(ctx context.Context, tx *sql.Tx, g SecurityGroup, c SecurityGroupChange) (SecurityGroup, error) {
	set(&g.Name, c.Name)
	set(&g.MailNickname, c.MailNickname)
	set(&g.Description, c.Description)
	// The limits are those of the reference of Graph's resource type group.
	if err := checkText("Group", "displayName", g.Name, true, 256); err != nil {
		return g, err
	}
	if err := checkText("Group", "description", g.Description, false, 1024); err != nil {
		return g, err
	}
	if len(g.MailNickname) > 64 || !validNickname(g.MailNickname) {
		return g, badProperty("Group", "mailNickname")
	}
	body, err := mergeBody(g.Body, c.Body)
	if err != nil {
		return g, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE security_group SET key = ?, name = ?, mail_nickname = ?, description = ?, body = ?, changed = ? WHERE object_id = ?`,
		fold(g.Name), g.Name, g.MailNickname, g.Description, string(body), d.millis(), g.ObjectID); err != nil {
		return g, err
	}
	for _, add := range []struct {
		to  reference
		ids []string
	}{{owners, c.Owners}, {members, c.Members}} {
		for _, id := range add.ids {
			if err := d.addReference(ctx, tx, add.to, g.ObjectID, id); err != nil {
				return g, err
			}
		}
	}
	return d.loadSecurityGroup(ctx, tx, g.ObjectID)
}

// GetSecurityGroup finds a group by object id, or returns NotFound.
func (d *Directory) GetSecurityGroup(ctx context.Context, id string) (g SecurityGroup, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		g, err = d.loadSecurityGroup(ctx, tx, id)
		return err
	})
	return g, err
}

// DeleteSecurityGroup removes a group with its memberships, both ways, and its roles;
// existed is false when there was none.
func (d *Directory) DeleteSecurityGroup(ctx context.Context, by *Operation, id string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM security_group WHERE object_id = ?`, fold(id)))
		return err
	})
	return existed, err
}

func (d *Directory) loadSecurityGroup(ctx context.Context, tx *sql.Tx, id string) (SecurityGroup, error) {
	g, err := d.scanSecurityGroup(tx.QueryRowContext(ctx, securityGroupQuery+`WHERE object_id = ?`, fold(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return SecurityGroup{}, noObject(id)
	}
	return g, err
}

func (d *Directory) scanSecurityGroup(row interface{ Scan(...any) error }) (SecurityGroup, error) {
	var g SecurityGroup
	var body string
	var created, changed int64
	err := row.Scan(&g.ObjectID, &g.Name, &g.MailNickname, &g.Description, &body, &created, &changed)
	g.Body, g.Created, g.Changed = json.RawMessage(body), moment(created), moment(changed)
	return g, err
}
