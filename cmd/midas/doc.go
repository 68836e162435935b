// Command midas is the product in one program: it runs the identity plane and the
// MySQL gateway, and it is the command line that speaks to them in az's words.
//
// It owns every flag, every environment variable, the printing of answers and the
// exit codes; one file holds one command, and root.go lists them. It wires the
// packages together and decides nothing itself: rules about identities, tokens and
// accounts live in the packages, and the az-shaped commands reach them only through
// the same HTTP API that az uses.
package main
