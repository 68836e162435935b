package directory

import (
	"strings"
	"testing"
)

// TestCheckFindsWhatIsForbidden breaks each rule behind the directory's back.
func TestCheckFindsWhatIsForbidden(t *testing.T) {
	for _, test := range []struct{ what, damage string }{
		{"an identity without exactly one service principal: one", `DELETE FROM principal WHERE name = 'one'`},
		{"a server with a service principal: db1", `INSERT INTO principal (object_id, client_id, key, name, resource, created) SELECT 'o', 'c', 'db1', 'db1', id, 0 FROM resource WHERE name = 'db1'`},
		{"a virtual machine without an id of its own: vm1", `DELETE FROM vm`},
		{"the id of a virtual machine on something else: one", `INSERT INTO vm (resource, vm_id) SELECT id, 'x' FROM resource WHERE name = 'one'`},
		{"a server without an id of its own: db1", `DELETE FROM server`},
		{"a server's record on something else: one", `INSERT INTO server (resource, unique_id, key, version) SELECT id, 'u', 'one', '8' FROM resource WHERE name = 'one'`},
		{"a server whose name is not its resource's: db1", `UPDATE server SET key = 'db2'`},
		{"a server with half an administrator: db1", `UPDATE server SET admin_login = 'root'`},
		{"an assignment that is not of an identity to a machine or server: vm1 db1", `INSERT INTO assigned (host, identity) SELECT v.id, d.id FROM resource v, resource d WHERE v.name = 'vm1' AND d.name = 'db1'`},
		{"a key that is not its name in lower case: vm1", `UPDATE resource SET key = 'other' WHERE name = 'vm1'`},
		{"tags or a body that are not a JSON object: one", `UPDATE resource SET tags = '[]' WHERE name = 'one'`},
		{"a member that does not exist: g nobody", `INSERT INTO security_group (object_id, key, name, mail_nickname, description, body, created, changed) VALUES ('g', 'g', 'g', 'g', '', '{}', 0, 0); INSERT INTO membership (security_group, member) VALUES ('g', 'nobody')`},
		{"an owner or owned object that does not exist: a b", `INSERT INTO ownership (owned, owner) VALUES ('a', 'b')`},
		{"a credential of nobody: k", `INSERT INTO secret (key_id, owner, name, hint, digest, begins) VALUES ('k', 'nobody', '', '', x'00', 0)`},
		{"an application's principal without the application: p", `INSERT INTO principal (object_id, client_id, key, name, created) VALUES ('p', 'p', 'p', 'p', 0)`},
		{"a role assignment or lock that holds nowhere: l", `INSERT INTO lock (scope, key, name, level, notes, created) VALUES ('/subscriptions/other', 'l', 'l', 'ReadOnly', '', 0)`},
		{"a role assignment or lock that holds nowhere: r", `INSERT INTO role_assignment (principal, role, scope, created, name, group_key) SELECT 'p', 'r', '/subscriptions/' || value || '/resourcegroups/rgx', 0, 'r', 'rg' FROM setting WHERE name = 'subscription'`},
		{"a deleted server that is there: db1", `INSERT INTO departed_server (unique_id, name, unsealed) SELECT unique_id, key, 0 FROM server`},
		{"a service principal of neither a resource nor an application, or of both: o", `INSERT INTO principal (object_id, client_id, key, name, created) VALUES ('o', 'c', '', '', 0)`},
		{"a service principal that is not called as its application: ", `UPDATE application SET name = 'other'`},
		{"a member that does not exist: ", `INSERT INTO membership SELECT object_id, 'nobody' FROM security_group`},
		{"an owner of, or ownership by, what does not exist: x y", `INSERT INTO ownership VALUES ('x', 'y')`},
		{"a credential of what does not exist: k", `INSERT INTO secret VALUES ('k', 'nobody', '', '', x'00', 0, NULL)`},
		{"a user principal name under another key: ", `UPDATE user SET upn_key = 'x'`},
		{"a row that refers to nothing: vm", `PRAGMA foreign_keys = off; DELETE FROM resource WHERE name = 'vm1'`},
	} {
		t.Run(test.what, func(t *testing.T) {
			d := fresh(t)
			must(t)(ignore(d.PutIdentity(t.Context(), nil, "rg", "one", "eastus", nil)))
			must(t)(ignore(d.PutVM(t.Context(), nil, "rg", "vm1", Change{Location: "eastus"})))
			must(t)(ignore(d.PutServer(t.Context(), nil, "rg", "db1", ServerChange{Change: Change{Location: "eastus"}})))
			must(t)(second(d.CreateUser(t.Context(), nil, UserChange{UPN: new("Ann@contoso.example"), DisplayName: new("Ann"), MailNickname: new("ann")})))
			_, _, err := d.CreateApplication(t.Context(), "app")
			must(t)(err)
			team(t, d, "dba")
			if found, err := d.Check(t.Context()); err != nil || len(found) > 0 {
				t.Fatalf("before: %q, %v", found, err)
			}
			if _, err := d.writer.ExecContext(t.Context(), test.damage); err != nil {
				t.Fatal(err)
			}
			found, err := d.Check(t.Context())
			if err != nil || !strings.HasPrefix(strings.Join(found, "\n")+"\n", test.what) && !strings.Contains(strings.Join(found, "\n"), "\n"+test.what) {
				t.Errorf("found %q, %v", found, err)
			}
		})
	}
}
