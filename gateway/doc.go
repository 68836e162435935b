// Package gateway is the MySQL front door: it accepts a client, insists on TLS,
// takes the token that the client sends as its password, verifies it, signs in to
// the backend as the account that the token maps to, and relays.
//
// A connection goes through named states, each a method of session:
//
//	greet       send the greeting of an ordinary server, as the backend would
//	secure      no TLS: refuse, before anything secret can be asked for
//	receive     get the token, in the way that this client can send it
//	admit       verify the token, find the server and the account it maps to
//	enter       sign in to the backend as that account
//	native      in place of both, for a name that is no AADUSER: with its own password
//	relay       carry commands and results until one side ends
//
// While a session lasts, recheck ends it when the identity, group membership, server or
// account that admitted it is gone, and drain when the gateway is to stop and no transaction
// is open. What the identity plane says is remembered for as long as its feed allows.
//
// It never stores a token, never parses results, and never tells a caller why it
// was refused until the caller's token has proved signature, issuer and audience.
package gateway
