// Package publicnames answers programs that believe to talk to Azure's public cloud: it
// owns the list of that cloud's host names that midas can stand in for, and an HTTP proxy
// that answers for these and for the metadata address, and for nothing else.
//
// It never opens a connection to anywhere, so it cannot be used to reach another host,
// never chooses who gets a token, and never takes TLS apart for a name that is not on the
// list.
package publicnames
