package stack

import (
	"net/http"

	"github.com/midas-mysql/midas/graph"
)

// openGraph makes the API of the directory's people, groups and applications.
func (s *Stack) openGraph() (http.Handler, error) {
	verifier, err := s.verifier(graph.Audiences(s.ControlURL())...)
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Config{Directory: s.directory, Verifier: verifier, BaseURL: s.ControlURL, Log: s.log, Now: s.now})
}
