package gateway

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

const (
	// maxPrincipals is how many principals are remembered.
	maxPrincipals = 4096
	// maxMemberships bounds the groups of all of them together, at some 50 bytes each.
	maxMemberships = 1 << 18
)

// Servers tells which MySQL servers this gateway fronts.
type Servers interface {
	// Server finds a server by short or full name, NotFound otherwise.
	Server(ctx context.Context, name string) (midas.Server, error)
	Servers(ctx context.Context) ([]midas.Server, error)
}

// planeConfig is what the plane asks; see Config for each.
type planeConfig struct {
	Servers Servers
	Exists  func(ctx context.Context, p midas.Principal) (bool, error)
	Groups  func(ctx context.Context, p midas.Principal) (ids []string, known bool, err error)
	Feed    midas.Feed
}

// lookupTimeout keeps a directory or backend that does not answer from holding up the rest.
const lookupTimeout = 2 * time.Second

// plane asks the identity plane about servers and principals, and remembers the answers
// until the feed names what they are about: a change that was committed before the question
// is seen, and a change of anything else makes nothing be asked again. Without a feed, and
// while it fails, everything is asked anew.
type plane struct {
	source  Servers
	exists  func(ctx context.Context, p midas.Principal) (bool, error)
	groups  func(ctx context.Context, p midas.Principal) (ids []string, known bool, err error)
	feed    midas.Feed
	listing singleflight.Group

	mu       sync.Mutex
	revision uint64 // of the feed, up to which the changes have been applied
	servers  *serverList
	// serversChanged is the revision at which the list of servers last became wrong.
	serversChanged uint64
	principals     *lru.LRU[string, *knownPrincipal] // by object id, lower case
	members        map[string]map[string]struct{}    // group → which principals are in it
	memberships    int                               // how many pairs members holds
}

// knownPrincipal holds answers about a principal of one issuer.
type knownPrincipal struct {
	issuer string
	exists bool
	groups []string
	// ours is false for a principal whose groups only its own issuer knows.
	ours bool
}

// serverList holds all servers, and each under its names.
type serverList struct {
	all    []midas.Server
	byName map[string]midas.Server
}

func newPlane(cfg planeConfig) *plane {
	p := &plane{source: cfg.Servers, exists: cfg.Exists, groups: cfg.Groups, feed: cfg.Feed, members: map[string]map[string]struct{}{}}
	var err error
	p.principals, err = lru.NewLRU(maxPrincipals, p.unlist)
	if err != nil {
		panic("gateway: " + err.Error()) // only for a size that is not positive
	}
	return p
}

// catchUp applies what changed since the last question. It returns the revision at which
// what is left is true; remembers is false when that cannot be told.
func (p *plane) catchUp(ctx context.Context) (revision uint64, remembers bool) {
	if p.feed == nil {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	changes, upTo, err := p.feed.Changes(ctx, p.revision)
	if err != nil {
		return 0, false
	}
	for _, c := range changes {
		p.apply(c)
	}
	p.revision = upTo
	return upTo, true
}

// apply drops what a change is about. The groups of a principal are the same as long as
// neither it nor any of them changes (see midas.ChangeGroup). The caller holds mu.
func (p *plane) apply(c midas.Change) {
	switch c.Kind {
	case midas.ChangeAll:
		p.servers, p.serversChanged = nil, c.Revision
		p.principals.Purge()
	case midas.ChangeServer:
		p.servers, p.serversChanged = nil, c.Revision
	case midas.ChangePrincipal:
		p.principals.Remove(c.ID)
	case midas.ChangeGroup:
		for id := range p.members[c.ID] {
			p.principals.Remove(id)
		}
	}
}

// unlist takes a forgotten principal out of members. The caller holds mu.
func (p *plane) unlist(id string, known *knownPrincipal) {
	for _, group := range known.groups {
		delete(p.members[group], id)
		if len(p.members[group]) == 0 {
			delete(p.members, group)
		}
	}
	p.memberships -= len(known.groups)
}

// Server finds a server by its short or full name, in any case, or returns NotFound.
func (p *plane) Server(ctx context.Context, name string) (midas.Server, error) {
	list, err := p.list(ctx)
	if err != nil {
		return midas.Server{}, err
	}
	if list == nil {
		return p.source.Server(ctx, name)
	}
	if server, ok := list.byName[strings.TrimSuffix(strings.ToLower(name), ".")]; ok {
		return server, nil
	}
	return midas.Server{}, midas.Errorf(midas.NotFound, "server %q does not exist", clip.To(name, maxName))
}

// Servers returns all servers. They are the caller's to read only.
func (p *plane) Servers(ctx context.Context) ([]midas.Server, error) {
	list, err := p.list(ctx)
	if err != nil {
		return nil, err
	}
	if list == nil {
		return p.source.Servers(ctx)
	}
	return list.all, nil
}

// list returns the servers, or nil where nothing can be remembered. Sessions that find the
// list wrong at the same time read it once together.
func (p *plane) list(ctx context.Context) (*serverList, error) {
	revision, remembers := p.catchUp(ctx)
	if !remembers {
		return nil, nil
	}
	p.mu.Lock()
	known := p.servers
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	flight := p.listing.DoChan(strconv.FormatUint(revision, 10), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return p.readServers(ctx, revision)
	})
	select {
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*serverList), nil
	case <-ctx.Done():
		return nil, midas.Errorf(midas.Unavailable, "list the servers: %w", ctx.Err())
	}
}

// readServers reads the list at that revision or a later one, and keeps it unless a server
// has changed since: the list may then be older than the change.
func (p *plane) readServers(ctx context.Context, revision uint64) (*serverList, error) {
	all, err := p.source.Servers(ctx)
	if err != nil {
		return nil, err
	}
	list := &serverList{all: all, byName: make(map[string]midas.Server, 2*len(all))}
	for _, server := range all {
		list.byName[strings.ToLower(server.Name)] = server
		list.byName[strings.ToLower(server.FQDN)] = server
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serversChanged <= revision {
		p.servers = list
	}
	return list, nil
}

// principal returns a principal as it is now: exists is false for one that was deleted or disabled, and
// the groups are those of the directory if it knows the issuer, else those of the token.
func (p *plane) principal(ctx context.Context, who midas.Principal) (now midas.Principal, exists bool, err error) {
	revision, remembers := p.catchUp(ctx)
	id := strings.ToLower(who.ObjectID)
	if remembers {
		p.mu.Lock()
		known, found := p.principals.Get(id)
		p.mu.Unlock()
		if found && known.issuer == who.Issuer {
			return known.of(who), known.exists, nil
		}
	}
	known, err := p.readPrincipal(ctx, who)
	if err != nil {
		return who, false, err
	}
	if remembers {
		p.keep(id, known, revision)
	}
	return known.of(who), known.exists, nil
}

func (p *plane) readPrincipal(ctx context.Context, who midas.Principal) (*knownPrincipal, error) {
	known := &knownPrincipal{issuer: who.Issuer, exists: true}
	var err error
	if p.exists != nil {
		if known.exists, err = p.exists(ctx, who); err != nil {
			return nil, err
		}
	}
	if p.groups != nil && known.exists {
		if known.groups, known.ours, err = p.groups(ctx, who); err != nil {
			return nil, err
		}
		known.groups = slices.Compact(slices.Sorted(slices.Values(known.groups)))
	}
	return known, nil
}

// keep remembers an answer that was read at that revision or later, unless anything has
// changed since: it may then be older than the change.
func (p *plane) keep(id string, known *knownPrincipal, revision uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revision != revision || len(known.groups) > maxMemberships/16 {
		return
	}
	p.principals.Remove(id)
	for p.memberships+len(known.groups) > maxMemberships {
		p.principals.RemoveOldest()
	}
	p.principals.Add(id, known)
	p.memberships += len(known.groups)
	for _, group := range known.groups {
		if p.members[group] == nil {
			p.members[group] = map[string]struct{}{}
		}
		p.members[group][id] = struct{}{}
	}
}

func (k *knownPrincipal) of(who midas.Principal) midas.Principal {
	if k.ours {
		who.Groups, who.GroupsOmitted = k.groups, false
	}
	return who
}
