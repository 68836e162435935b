package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
)

// serverChoice finds the server that a client means.
type serverChoice struct {
	plane *plane
	// addresses are those of servers that have a listener of their own, by name. They are
	// reached there alone.
	addresses map[string]string
	// hosts are names of the gateway itself, in lower case. A server that somebody calls as one of
	// them must not get the clients of others.
	hosts []string
}

// localhost is a name of every gateway.
const localhost = "localhost"

// of returns the server that the client named to TLS, whose certificate it may have verified; else
// the one of the user name's suffix (user@server, the form of Azure's single server); else the
// only one there is. It returns the user name without the suffix. A name with an @ that is
// followed by no server, or by another than the client means, is a name. On a listener of one
// server it is that one, and the name given to TLS and the suffix can but say so.
func (s serverChoice) of(ctx context.Context, c *client) (server midas.Server, user string, err error) {
	named := s.namedByTLS(c)
	verified, isVerified, err := s.find(ctx, named)
	if err != nil {
		return server, c.login.User, err
	}
	user, suffix, isSuffix, err := s.suffix(ctx, c.login.User)
	if err != nil {
		return server, user, err
	}
	switch {
	case c.listener != "":
		return s.ofListener(ctx, c, verified)
	case isVerified && isSuffix && suffix.UniqueID != verified.UniqueID:
		if server = suffix; !mayBeHost(named) || !suffix.Created.Before(verified.Created) {
			server, user = verified, c.login.User
		}
	case isVerified:
		server = verified
	case isSuffix:
		server = suffix
	default:
		server, err = s.only(ctx, c)
		return server, user, err
	}
	if address, elsewhere := s.address(server); elsewhere {
		return midas.Server{}, user, publicly("server '%s' has an address of its own", server.Name).WithHint("connect to %s", address)
	}
	return server, user, nil
}

// namedByTLS is the server that a client named to TLS, or "".
func (s serverChoice) namedByTLS(c *client) string {
	name := c.serverName()
	if slices.Contains(s.hosts, strings.ToLower(name)) {
		return ""
	}
	return name
}

// mayBeHost tells whether a name that was given to TLS may be that of the gateway's host as well as a
// server's. Anyone who may make a server can call it as that host, and another as the domain of
// user principal names: where name and suffix are of two servers, the younger one must not
// get clients that named the older before it was there. A full name is of a server alone.
func mayBeHost(name string) bool { return !strings.Contains(name, ".") }

// suffix returns the server behind the last @ of a user name, and the name before it.
func (s serverChoice) suffix(ctx context.Context, name string) (user string, server midas.Server, found bool, err error) {
	at := strings.LastIndexByte(name, '@')
	if at < 0 {
		return name, server, false, nil
	}
	if server, found, err = s.find(ctx, name[at+1:]); !found {
		return name, server, false, err
	}
	return name[:at], server, true, nil
}

// find returns the server of that name, if there is one.
func (s serverChoice) find(ctx context.Context, name string) (server midas.Server, found bool, err error) {
	if name == "" {
		return server, false, nil
	}
	server, err = s.plane.Server(ctx, name)
	switch midas.CodeOf(err) {
	case midas.NotFound, midas.Invalid:
		return midas.Server{}, false, nil
	}
	return server, err == nil, err
}

// ofListener returns the server of the client's listener, unless the client has named another one.
// One that named another to TLS has verified the certificate of that: those who lead its connection
// here must not have it speak to this server, whose administrator may be another. A suffix that is
// the name of a younger server is a part of the user's name: see mayBeHost.
func (s serverChoice) ofListener(ctx context.Context, c *client, verified midas.Server) (server midas.Server, user string, err error) {
	server, found, err := s.find(ctx, c.listener)
	switch {
	case err != nil:
		return midas.Server{}, c.login.User, err
	case !found:
		return midas.Server{}, c.login.User, publicly("server '%s', which this address is for, does not exist", c.listener)
	}
	user, suffix, isSuffix, err := s.suffix(ctx, c.login.User)
	if err != nil {
		return midas.Server{}, user, err
	}
	isName := verified.UniqueID == server.UniqueID || suffix.Created.After(server.Created)
	if isSuffix && suffix.UniqueID != server.UniqueID && isName {
		user, suffix = c.login.User, midas.Server{}
	}
	for _, other := range []midas.Server{suffix, verified} {
		if other.UniqueID != "" && other.UniqueID != server.UniqueID {
			return midas.Server{}, user, publicly("this address is for server '%s' alone", server.Name)
		}
	}
	return server, user, nil
}

// misspelt tells that the suffix of a client's user name names no server, and which servers there are.
// It is "" where there is no suffix, or one with a dot: that is the domain of a user principal name.
func (s serverChoice) misspelt(ctx context.Context, c *client) string {
	at := strings.LastIndexByte(c.login.User, '@')
	word := c.login.User[at+1:]
	if at < 0 || word == "" || strings.Contains(word, ".") {
		return ""
	}
	if _, found, err := s.find(ctx, word); found || err != nil {
		return ""
	}
	all, err := s.on(ctx, c.listener)
	if err != nil || len(all) == 0 {
		return ""
	}
	names := make([]string, 0, mostNamed+1)
	for _, server := range all[:min(len(all), mostNamed)] {
		names = append(names, server.Name)
	}
	if len(all) > mostNamed {
		names = append(names, "…")
	}
	return fmt.Sprintf("there is no server '%s'; here: %s", word, strings.Join(names, ", "))
}

// mostNamed is how many servers an error names.
const mostNamed = 5

// only returns the server for a user that names none.
func (s serverChoice) only(ctx context.Context, c *client) (midas.Server, error) {
	all, err := s.on(ctx, "")
	switch {
	case err != nil:
		return midas.Server{}, err
	case len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return midas.Server{}, s.none(ctx)
	}
	if misspelt := s.misspelt(ctx, c); misspelt != "" {
		return midas.Server{}, publicly("%s", misspelt)
	}
	return midas.Server{}, publicly("%d servers are behind this address and the user name says none", len(all)).
		WithHint("sign in as '%s@%s'", c.login.User, all[0].Name)
}

// none is why no server is behind the common address.
func (s serverChoice) none(ctx context.Context) error {
	all, err := s.plane.Servers(ctx)
	if err != nil {
		return err
	}
	for _, server := range all {
		if address, elsewhere := s.address(server); elsewhere {
			return publicly("no server is behind this address").WithHint("server '%s' has an address of its own: connect to %s", server.Name, address)
		}
	}
	return publicly("there is no MySQL server yet").WithHint("az mysql flexible-server create")
}

// on returns the servers that are reached over a listener: its own, or all that have none.
func (s serverChoice) on(ctx context.Context, listener string) ([]midas.Server, error) {
	if listener != "" {
		server, found, err := s.find(ctx, listener)
		if !found {
			return nil, err
		}
		return []midas.Server{server}, nil
	}
	all, err := s.plane.Servers(ctx)
	if err != nil || len(s.addresses) == 0 {
		return all, err
	}
	var shared []midas.Server
	for _, server := range all {
		if _, elsewhere := s.address(server); !elsewhere {
			shared = append(shared, server)
		}
	}
	return shared, nil
}

func (s serverChoice) address(server midas.Server) (address string, elsewhere bool) {
	address, elsewhere = s.addresses[strings.ToLower(server.Name)]
	return address, elsewhere
}
