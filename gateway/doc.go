// Package gateway is the MySQL front door: it accepts a client, insists on TLS,
// takes the token that the client sends as its password, verifies it, signs in to
// the backend of the server as the account that the token maps to, and relays.
//
// A connection goes through these states. The files are in their order; what a state needs is
// in its own file or in one further down, and COM_CHANGE_USER alone goes back up.
//
//	greet         as the backend of the listener's servers would (greeting.go)
//	secure        no TLS: refuse, before anything secret can be asked for (receive.go)
//	receive       get the token, in the way that this client can send it
//	sign in       verify the token (signin.go), find the server (chooseserver.go) and the
//	              account that the token maps to (admit.go), sign in to the server's backend
//	              as that account (enter.go, login.go); or, for a name that is no AADUSER,
//	              with its own password (native.go)
//	relay         carry commands and results until one side ends (session.go)
//
// A sign-in returns a value, signedIn, which the session holds and COM_CHANGE_USER replaces
// whole.
//
// While a session lasts, recheck ends it when the identity, group membership, server or
// account that admitted it is gone, and drain when the gateway is to stop and no transaction
// is open. What the identity plane says is remembered for as long as its feed allows.
//
// It never stores a token, never parses results, and never tells a caller why it
// was refused until the caller's token has proved signature, issuer and audience.
package gateway
