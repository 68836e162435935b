package arm

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageSize is how many things a page of a list has unless $top says fewer. It is
// Resource Manager's own for lists of resources and groups: one that is larger would cost
// clients nothing but memory, a smaller one a request each.
const pageSize = 1000

// maxToken is the longest $skiptoken that is read.
const maxToken = 2048

// cut reads the request's $top and $skiptoken: how many things are wanted, and after
// which. The token is the key of the last one sent, so that what comes and goes in between
// neither repeats nor hides another; it opens nothing, since each page is filtered by what
// its caller may see.
func (c *call) cut() (after string, size int, err error) {
	size = pageSize
	if text, given := c.query["$top"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return "", 0, errQuery("the value '" + clip(text, 64) + "' of '$top' is not a number of at least 1")
		}
		size = min(n, pageSize)
	}
	if text, given := c.query["$skiptoken"]; given {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(raw) == 0 || len(text) > maxToken {
			return "", 0, errQuery("the value of '$skiptoken' is not one that was given out")
		}
		after = string(raw)
	}
	return after, size, nil
}

// nextLink is where the list goes on behind the thing with that key.
func (c *call) nextLink(key string) string {
	query := url.Values{}
	for name, value := range c.query {
		query.Set(name, value)
	}
	query.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(key)))
	return c.base + c.URL.EscapedPath() + "?" + query.Encode()
}

// page is one page of a list, in the order of its keys, which differ.
func page[T any](c *call, items []T, key func(T) string, show func(T) any) (answer, error) {
	after, size, err := c.cut()
	if err != nil {
		return answer{}, err
	}
	folded := func(item T) string { return strings.ToLower(key(item)) }
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(folded(a), folded(b)) })
	first := 0
	if after != "" {
		first, _ = slices.BinarySearchFunc(items, after, func(item T, after string) int {
			if folded(item) <= after {
				return -1
			}
			return 1
		})
	}
	items = items[first:]
	body := object{}
	if len(items) > size {
		items = items[:size]
		body["nextLink"] = c.nextLink(folded(items[size-1]))
	}
	value := make([]any, 0, len(items))
	for _, item := range items {
		value = append(value, show(item))
	}
	body["value"] = value
	return answer{status: http.StatusOK, body: body}, nil
}
