// Package rest is what the HTTP APIs for operators have in common: paths taken apart
// with care, bodies read within limits of size and nesting, bearer tokens found, JSON
// answers sent.
//
// It knows no API: which paths exist, what errors look like and who may ask is for
// its callers, and it never judges a token.
package rest
