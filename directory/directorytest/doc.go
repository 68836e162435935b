// Package directorytest is the conformance suite of a store of the identity plane: what package
// directory does, and what any other store has to do that takes its place behind Resource
// Manager's and Graph's APIs, the issuer, the metadata endpoint and the gateway.
//
// It owns the behaviour that those parts rely on, and never looks inside a store: it uses the
// interfaces that the parts declare, and nothing else.
package directorytest
