package directory

import (
	"context"
	"database/sql"
	"fmt"
)

// invariants are queries whose every row is something that the rules forbid. Foreign
// keys and the uniqueness of names are SQLite's own to keep, and are asked apart.
var invariants = []struct{ what, query string }{
	{
		"an identity without exactly one service principal",
		`SELECT r.name FROM resource r WHERE r.kind = 'identity' AND (SELECT count(*) FROM principal p WHERE p.resource = r.id) <> 1`,
	},
	{
		"a server with a service principal",
		`SELECT r.name FROM resource r JOIN principal p ON p.resource = r.id WHERE r.kind = 'server'`,
	},
	{
		"a virtual machine without an id of its own",
		`SELECT r.name FROM resource r LEFT JOIN vm v ON v.resource = r.id WHERE r.kind = 'vm' AND coalesce(v.vm_id, '') = ''`,
	},
	{
		"the id of a virtual machine on something else",
		`SELECT r.name FROM vm v JOIN resource r ON r.id = v.resource WHERE r.kind <> 'vm'`,
	},
	{
		"a server without an id of its own",
		`SELECT r.name FROM resource r LEFT JOIN server s ON s.resource = r.id WHERE r.kind = 'server' AND coalesce(s.unique_id, '') = ''`,
	},
	{
		"a server's record on something else",
		`SELECT r.name FROM server s JOIN resource r ON r.id = s.resource WHERE r.kind <> 'server'`,
	},
	{
		"a server whose name is not its resource's",
		`SELECT r.name FROM server s JOIN resource r ON r.id = s.resource WHERE s.key <> r.key`,
	},
	{
		"a server with half an administrator",
		`SELECT key FROM server WHERE (admin_object_id IS NULL) <> (admin_login IS NULL) OR (admin_object_id IS NULL) <> (admin_tenant_id IS NULL)`,
	},
	{
		"an assignment that is not of an identity to a machine or server",
		`SELECT h.name || ' ' || i.name FROM assigned a JOIN resource h ON h.id = a.host JOIN resource i ON i.id = a.identity
WHERE h.kind NOT IN ('vm', 'server') OR i.kind <> 'identity'`,
	},
	{
		"a key that is not its name in lower case",
		`SELECT name FROM resource WHERE key <> lower(name) UNION ALL SELECT name FROM resource_group WHERE key <> lower(name)`,
	},
	{
		"tags or a body that are not a JSON object",
		`SELECT name FROM resource WHERE json_type(tags) IS NOT 'object' OR json_type(body) IS NOT 'object'
UNION ALL SELECT name FROM resource_group WHERE json_type(tags) IS NOT 'object'`,
	},
	{
		"a role assignment whose scope is not what it refers to",
		`SELECT a.name FROM role_assignment a LEFT JOIN resource r ON r.id = a.resource
WHERE a.name = '' OR a.role NOT LIKE '________-____-____-____-____________' OR a.scope <> '/subscriptions/' || (SELECT value FROM setting WHERE name = 'subscription')
  || CASE WHEN a.group_key IS NULL THEN '' ELSE '/resourcegroups/' || a.group_key END
  || CASE r.kind WHEN 'identity' THEN '/providers/microsoft.managedidentity/userassignedidentities/' || r.key
    WHEN 'vm' THEN '/providers/microsoft.compute/virtualmachines/' || r.key
    WHEN 'server' THEN '/providers/microsoft.dbformysql/flexibleservers/' || r.key ELSE '' END`,
	},
	{
		"a member that does not exist",
		`SELECT security_group || ' ' || member FROM membership WHERE member NOT IN (SELECT id FROM object)`,
	},
	{
		"an owner or owned object that does not exist",
		`SELECT owned || ' ' || owner FROM ownership WHERE owner NOT IN (SELECT id FROM object) OR owned NOT IN (SELECT id FROM object)`,
	},
	{
		"a credential of nobody",
		`SELECT key_id FROM secret WHERE owner NOT IN (SELECT id FROM object) UNION ALL SELECT key_id FROM certificate WHERE owner NOT IN (SELECT id FROM object)`,
	},
	{
		"an application's principal without the application",
		`SELECT name FROM principal WHERE resource IS NULL AND client_id NOT IN (SELECT client_id FROM application)`,
	},
	{
		"a role assignment or lock that holds nowhere",
		`SELECT held.name FROM (SELECT name, scope, group_key, resource FROM role_assignment UNION ALL SELECT name, scope, group_key, resource FROM lock) AS held
JOIN setting s ON s.name = 'subscription' LEFT JOIN resource r ON r.id = held.resource
WHERE (held.group_key IS NULL) <> (held.scope = '/subscriptions/' || s.value)
OR held.group_key IS NOT NULL AND held.scope || '/' NOT LIKE '/subscriptions/' || s.value || '/resourcegroups/' || held.group_key || '/%'
OR r.id IS NOT NULL AND r.group_key <> held.group_key`,
	},
	{
		"a lock whose scope is not what it refers to",
		`SELECT a.name FROM lock a LEFT JOIN resource r ON r.id = a.resource
WHERE a.key <> lower(a.name) OR a.scope <> '/subscriptions/' || (SELECT value FROM setting WHERE name = 'subscription')
  || CASE WHEN a.group_key IS NULL THEN '' ELSE '/resourcegroups/' || a.group_key END
  || CASE r.kind WHEN 'identity' THEN '/providers/microsoft.managedidentity/userassignedidentities/' || r.key
    WHEN 'vm' THEN '/providers/microsoft.compute/virtualmachines/' || r.key
    WHEN 'server' THEN '/providers/microsoft.dbformysql/flexibleservers/' || r.key ELSE '' END`,
	},
	{
		"a deleted server that is there",
		`SELECT d.name FROM departed_server d JOIN server s ON s.unique_id = d.unique_id`,
	},
	{
		"a service principal of neither a resource nor an application, or of both",
		`SELECT p.object_id FROM principal p LEFT JOIN application a ON a.client_id = p.client_id WHERE (p.resource IS NULL) = (a.object_id IS NULL)`,
	},
	{
		"a service principal that is not called as its application",
		`SELECT p.object_id FROM principal p JOIN application a ON a.client_id = p.client_id WHERE p.name <> a.name`,
	},
	{
		"a member that does not exist",
		`SELECT security_group || ' ' || member FROM membership WHERE member NOT IN
(SELECT object_id FROM user UNION ALL SELECT object_id FROM security_group UNION ALL SELECT object_id FROM principal)`,
	},
	{
		"an owner of, or ownership by, what does not exist",
		`SELECT owned || ' ' || owner FROM ownership WHERE owner NOT IN (SELECT object_id FROM user UNION ALL SELECT object_id FROM principal)
OR owned NOT IN (SELECT object_id FROM security_group UNION ALL SELECT object_id FROM principal UNION ALL SELECT object_id FROM application)`,
	},
	{
		"a credential of what does not exist",
		`SELECT key_id FROM (SELECT key_id, owner FROM secret UNION ALL SELECT key_id, owner FROM certificate) WHERE owner NOT IN
(SELECT object_id FROM application UNION ALL SELECT object_id FROM principal WHERE resource IS NULL)`,
	},
	{
		"a user principal name under another key",
		`SELECT object_id FROM user WHERE upn_key <> lower(upn)`,
	},
}

// objects are the ids of all directory objects.
const objects = `WITH object (id) AS (SELECT object_id FROM user UNION ALL SELECT object_id FROM security_group
UNION ALL SELECT object_id FROM principal UNION ALL SELECT object_id FROM application) `

// Check looks for what the rules of a directory do not allow, and returns a line for
// each thing found; none is what a directory should have, after a crash too. An error
// means that it could not look.
func (d *Directory) Check(ctx context.Context) (found []string, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err = violations(ctx, tx, "the file", `SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'`)
		if err != nil {
			return err
		}
		dangling, err := violations(ctx, tx, "a row that refers to nothing", `SELECT "table" || ' ' || coalesce(rowid, '') FROM pragma_foreign_key_check`)
		if err != nil {
			return err
		}
		found = append(found, dangling...)
		for _, rule := range invariants {
			broken, err := violations(ctx, tx, rule.what, objects+rule.query)
			if err != nil {
				return err
			}
			found = append(found, broken...)
		}
		return nil
	})
	return found, err
}

func violations(ctx context.Context, tx *sql.Tx, what, query string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", what, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var which string
		if err := rows.Scan(&which); err != nil {
			return nil, err
		}
		found = append(found, what+": "+which)
	}
	return found, rows.Err()
}
