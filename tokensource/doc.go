// Package tokensource keeps a client supplied with fresh access tokens for MySQL.
//
// It owns the cache of one credential's token: one request at a time however many
// connections need it, a new token well before the old one ends, and the choice of
// credential that the environment of a workload makes. It works against Azure and
// against midas alike. It never looks into a token, which is its receiver's
// business, and never stores one.
package tokensource
