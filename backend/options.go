package backend

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

// PrivateOptions are what the operator chooses of a private server, from one start to the next.
type PrivateOptions struct {
	// Version is in the words of az: "8.0.21" or "8.4" ask for MySQL and "mariadb" or
	// "mariadb10.11" for MariaDB. A server of MySQL is what the machine has: another version, or
	// MariaDB, is better than none. Data stays with the kind of server that made it.
	Version string
	// Parameters are those of Parameter, by name.
	Parameters map[string]string
}

// parameters are what an operator may set of a private server. None of them reaches a file, loads
// anything, lets anyone in or trades durability away.
var parameters = []string{
	"character_set_server", "collation_server", "connect_timeout", "div_precision_increment", "event_scheduler", "group_concat_max_len",
	"innodb_buffer_pool_size", "innodb_lock_wait_timeout", "innodb_print_all_deadlocks", "interactive_timeout", "join_buffer_size",
	"lock_wait_timeout", "log_bin_trust_function_creators", "max_allowed_packet", "max_connections", "max_execution_time",
	"max_heap_table_size", "max_prepared_stmt_count", "max_statement_time", "net_read_timeout", "net_write_timeout", "sort_buffer_size",
	"sql_mode", "table_open_cache", "tmp_table_size", "transaction_isolation", "wait_timeout",
}

// ErrDied is why a private server did not start that ended by itself: a parameter keeps it from
// starting, for one. The hint says what its log ends with.
var ErrDied = errors.New("it ended")

// maxParameter bounds the value of a parameter; the longest sensible one is an sql_mode.
const maxParameter = 1024

// Parameter tells whether an operator may set that parameter of a private server.
func Parameter(name string) bool { return slices.Contains(parameters, strings.ToLower(name)) }

func checkParameter(name, value string) error {
	switch {
	case !Parameter(name):
		return midas.Errorf(midas.Invalid, "the parameter '%s' of a private server cannot be set", name).
			WithHint("these can: %s", strings.Join(parameters, ", "))
	case len(value) > maxParameter, strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
		return midas.Errorf(midas.Invalid, "the value of the parameter '%s' is too long, or has characters that no parameter has", name).
			WithHint("up to %d printable ASCII characters", maxParameter)
	}
	return nil
}

// arguments are the parameters as a server program takes them, in a fixed order. One that this
// server does not have is in nobody's way.
func (o PrivateOptions) arguments() ([]string, error) {
	var args []string
	for name, value := range o.Parameters {
		if err := checkParameter(name, value); err != nil {
			return nil, err
		}
		args = append(args, "--loose-"+strings.ReplaceAll(strings.ToLower(name), "_", "-")+"="+value)
	}
	slices.Sort(args)
	return args, nil
}

// SetParameter sets a parameter of a private server that runs, for sessions that begin from now
// on, so that the server judges name and value. The caller keeps it for the next start. Errors
// are Invalid, with the server's reason, and Unavailable.
func (b *Backend) SetParameter(ctx context.Context, name, value string) error {
	if b.private == nil {
		return notOurs(b)
	}
	if err := checkParameter(name, value); err != nil {
		return err
	}
	literal := value
	if strings.ContainsFunc(value, func(r rune) bool { return r < '0' || r > '9' }) || value == "" {
		literal = "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + "'"
	}
	_, err := b.db.ExecContext(ctx, "SET GLOBAL "+strings.ToLower(name)+" = "+literal)
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused):
		return midas.Errorf(midas.Invalid, "the server refuses the parameter '%s': %s", name, refused.Message).
			WithHint("the parameter keeps its value")
	case err != nil:
		return midas.Errorf(midas.Unavailable, "set the parameter '%s': %w", name, err)
	}
	return nil
}

func notOurs(b *Backend) error {
	return midas.Errorf(midas.Invalid, "%s is not midas's own server: it is for those who run it to start, stop and set up", b.Describe())
}
