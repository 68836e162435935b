package armclient

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// GraphAudience is the resource that our tokens name when they mean Microsoft Graph.
const GraphAudience = "https://graph.microsoft.com"

// graphRoot is where Graph begins at the control address.
const graphRoot = "/v1.0/"

// tokenPolicy adds the token that a request needs: Graph's paths have one of their own.
type tokenPolicy struct{ manager, graph policy.Policy }

func newTokenPolicy(credential azcore.TokenCredential) tokenPolicy {
	bearer := func(audience string) policy.Policy {
		return runtime.NewBearerTokenPolicy(credential, []string{audience + "/.default"}, nil)
	}
	return tokenPolicy{manager: bearer(Audience), graph: bearer(GraphAudience)}
}

// Do sends the request on, as the policy.Policy of a pipeline.
func (p tokenPolicy) Do(request *policy.Request) (*http.Response, error) {
	if strings.HasPrefix(request.Raw().URL.Path, graphRoot) {
		return p.graph.Do(request)
	}
	return p.manager.Do(request)
}

// GraphPath is the path of an object of Graph, each segment escaped.
func GraphPath(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
	}
	return graphRoot + strings.Join(escaped, "/")
}
