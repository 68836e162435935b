package vmns

import (
	"net"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is the address that a resolver asks when resolv.conf names none.
// Source: resolv.conf(5), "nameserver".
const nameServer = "127.0.0.1:53"

// maxQuery is what a query without extensions has at most.
// Source: RFC 1035, section 4.2.1.
const maxQuery = 512

// refuseNames answers every query on conn with NXDOMAIN, until conn is closed. The names that exist are
// in /etc/hosts, which resolvers read first. Without an answer a resolver reports a temporary failure,
// and some clients ask again for half a minute.
func refuseNames(conn net.PacketConn) {
	query := make([]byte, maxQuery)
	for {
		n, from, err := conn.ReadFrom(query)
		if err != nil {
			return
		}
		if answer, ok := noSuchName(query[:n]); ok {
			_, _ = conn.WriteTo(answer, from) // one that is lost is asked for again
		}
	}
}

// noSuchName answers a query with NXDOMAIN; ok is false for what is no query.
func noSuchName(query []byte) (answer []byte, ok bool) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil || header.Response {
		return nil, false
	}
	question, err := p.Question()
	if err != nil {
		return nil, false
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: header.ID, Response: true, OpCode: header.OpCode, RecursionDesired: header.RecursionDesired,
		RecursionAvailable: true, RCode: dnsmessage.RCodeNameError,
	})
	if b.StartQuestions() != nil || b.Question(question) != nil {
		return nil, false
	}
	answer, err = b.Finish()
	return answer, err == nil
}
