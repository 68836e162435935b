package stack

import (
	"log/slog"
	"time"

	"github.com/midas-mysql/midas/seed"
)

// Config says where a stack keeps its state and listens.
type Config struct {
	State string // directory, made with mode 0700
	// SharedState takes a State that other users could write to.
	SharedState bool
	Control     string // address of ARM and issuer, https
	// ControlURL is how others reach Control, when that is not by its address.
	ControlURL string
	Metadata   string   // address of the metadata endpoint, http
	MySQL      string   // address of the gateway
	MySQLNames []string // by which clients reach the gateway, besides localhost, its addresses and the names of servers
	Ops        string   // address of metrics and health, http; "" for none
	// OpsToken is what those send who may read Ops, over TLS then; "" for all, in plain text.
	OpsToken string
	Proxy    string // address of the proxy for Azure's public names, http; "" for none
	// TLSCert and TLSKey are files with a certificate for Control and MySQL, which clients are shown
	// that name one of its names; "" for none. They are read again when they change.
	TLSCert, TLSKey string
	// Backend is what servers without a declaration get: auto, embedded, mysqld (one each), or
	// mysql://…, unix:PATH, which the oldest of them has alone.
	Backend    string
	MaxServers int // that may have a database which midas runs; 0 for DefaultMaxServers
	// BackendPassword is for a server that somebody else runs, when Backend holds none.
	BackendPassword string
	Servers         []ServerSettings // what is declared of servers, whether they are made yet or not
	Issuer          IssuerSettings
	// MetadataSettings decide about the metadata endpoint.
	MetadataSettings MetadataSettings
	Gateway          GatewaySettings
	// AdminLogin is the MySQL user name of the administrator of servers that are made
	// without one.
	AdminLogin string
	Seed       *seed.World // what the directory is to hold before anything is served; nil for no more than it has
	SeedFile   string      // the file of Seed; what it names is relative to its folder
	Log        *slog.Logger
	// Now is the clock of identities, tokens and refusals; nil for time.Now. Certificates and
	// databases have the machine's.
	Now func() time.Time
}
