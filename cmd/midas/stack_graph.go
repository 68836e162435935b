package main

import (
	"net/http"

	"github.com/midas-mysql/midas/graph"
)

// openGraph makes the API of the directory's people, groups and applications.
func (s *stack) openGraph() (http.Handler, error) {
	verifier, err := s.verifier(graph.Audiences(s.controlURL())...)
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Config{Directory: s.directory, Verifier: verifier, BaseURL: s.controlURL, Log: s.Log})
}
