package directory

import (
	"context"
	"database/sql"

	"github.com/midas-mysql/midas"
)

// thing is what a change is about.
type thing struct {
	kind midas.ChangeKind
	id   string
}

// watched says for each table what a row that was made, changed or removed is of. Every
// table is here or in unfed: writing to another one fails.
var watched = map[string]func(context.Context, *lookup, row) ([]thing, error){
	"setting":        byColumn(midas.ChangeOther, "setting/", "name"),
	"resource_group": func(_ context.Context, l *lookup, r row) ([]thing, error) { return l.group(r.text("key")) },
	"resource":       func(ctx context.Context, l *lookup, r row) ([]thing, error) { return l.resource(ctx, r.number("id")) },
	"plain_resource": func(_ context.Context, l *lookup, r row) ([]thing, error) {
		return []thing{{midas.ChangeResource, fold(l.groupID(r.text("group_key")) + "/providers/" + r.text("type") + "/" + r.text("key"))}}, nil
	},
	"vm":        hosted("resource"),
	"server":    hosted("resource"),
	"parameter": hosted("server"),
	"assigned":  hosted("host"),
	"recognition": func(ctx context.Context, l *lookup, r row) ([]thing, error) {
		machine, err := l.resource(ctx, r.number("vm"))
		for i := range machine {
			machine[i].kind = midas.ChangeWorkloadMatch
		}
		return machine, err
	},
	"departed_server": byColumn(midas.ChangeOther, "departed_server/", "unique_id"),
	"principal": func(ctx context.Context, l *lookup, r row) ([]thing, error) {
		is := []thing{{midas.ChangePrincipal, r.text("object_id")}}
		if r["resource"] == nil {
			return is, nil
		}
		host, err := l.resource(ctx, r.number("resource"))
		return append(is, host...), err
	},
	"user":           byColumn(midas.ChangePrincipal, "", "object_id"),
	"security_group": byColumn(midas.ChangeGroup, "", "object_id"),
	"membership": func(ctx context.Context, l *lookup, r row) ([]thing, error) {
		member, err := l.member(ctx, r.text("member"))
		return []thing{{midas.ChangeMembers, r.text("security_group")}, member}, err
	},
	"ownership":      byColumn(midas.ChangeOther, "ownership/", "owned"),
	"application":    func(ctx context.Context, l *lookup, r row) ([]thing, error) { return l.application(ctx, r) },
	"identifier_uri": byColumn(midas.ChangeAudience, "", "key"),
	"secret":         byColumn(midas.ChangeCredential, "", "owner"),
	"certificate":    byColumn(midas.ChangeCredential, "", "owner"),

	"federated_credential": byColumn(midas.ChangeFederatedCredential, "", "client_id"),
	"role_assignment":      byColumn(midas.ChangeRoleAssignment, "", "principal"),
	"lock":                 byColumn(midas.ChangeLock, "", "scope"),
}

func byColumn(kind midas.ChangeKind, before, column string) func(context.Context, *lookup, row) ([]thing, error) {
	return func(_ context.Context, _ *lookup, r row) ([]thing, error) {
		return []thing{{kind, before + fold(r.text(column))}}, nil
	}
}

// hosted is of the machine, server or identity whose row id is in the column.
func hosted(column string) func(context.Context, *lookup, row) ([]thing, error) {
	return func(ctx context.Context, l *lookup, r row) ([]thing, error) { return l.resource(ctx, r.number(column)) }
}

// lookup finds what a row refers to by number, in the transaction that wrote the row.
type lookup struct {
	*Directory
	record *record
	tx     *sql.Tx
}

func (l *lookup) group(key string) ([]thing, error) {
	return []thing{{midas.ChangeResource, fold(l.groupID(key))}}, nil
}

// resource is what a row of the table resource is. One that is neither there nor was
// removed by this transaction is a fault: its change would be lost.
func (l *lookup) resource(ctx context.Context, id int64) ([]thing, error) {
	r, known := l.record.resources[id]
	if !known {
		var k, group, key string
		if err := l.tx.QueryRowContext(ctx, `SELECT kind, group_key, key FROM resource WHERE id = ?`, id).Scan(&k, &group, &key); err != nil {
			return nil, midas.Errorf(midas.Internal, "look up the resource %d of a change: %w", id, err)
		}
		r = row{"kind": k, "group_key": group, "key": key}
	}
	of := thing{midas.ChangeResource, fold(l.resourceID(kind(r.text("kind")), r.text("group_key"), r.text("key")))}
	switch kind(r.text("kind")) {
	case vmKind:
		of.kind = midas.ChangeWorkload
	case serverKind:
		of.kind = midas.ChangeServer
	}
	return []thing{of}, nil
}

// member is a security group or a principal.
func (l *lookup) member(ctx context.Context, id string) (thing, error) {
	group := l.record.groups[id]
	if !group {
		if err := l.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM security_group WHERE object_id = ?)`, id).Scan(&group); err != nil {
			return thing{}, err
		}
	}
	if group {
		return thing{midas.ChangeGroup, id}, nil
	}
	return thing{midas.ChangePrincipal, id}, nil
}

// application is an application with all the names of tokens that are for it: those that
// it has no longer are rows of identifier_uri that were removed.
func (l *lookup) application(ctx context.Context, r row) ([]thing, error) {
	id := r.text("client_id")
	of := []thing{{midas.ChangeApplication, id}, {midas.ChangeAudience, id}, {midas.ChangeAudience, "api://" + id}}
	uris, err := column(ctx, l.tx, `SELECT key FROM identifier_uri WHERE application = ?`, r.text("object_id"))
	if err != nil {
		return nil, err
	}
	for _, uri := range uris {
		of = append(of, thing{midas.ChangeAudience, uri})
	}
	return of, nil
}
