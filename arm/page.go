package arm

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
)

// pageSize is how many things a page of a list has unless $top says fewer. It is
// Resource Manager's own for lists of resources and groups: one that is larger would cost
// clients nothing but memory, a smaller one a request each.
const pageSize = 1000

// maxToken is the longest $skiptoken that is read.
const maxToken = 2048

// tokenVersion begins what a $skiptoken encodes: other texts are valid base64, too.
const tokenVersion = "1:"

// cut reads the request's $top and $skiptoken: how many things are wanted, and after
// which. The token is the key of the last one sent, so that what comes and goes in between
// neither repeats nor hides another; it opens nothing, since each page is filtered by what
// its caller may see.
func (c *call) cut() (after string, size int, err error) {
	size = pageSize
	if text, given := c.query["$top"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return "", 0, errQuery("the value '" + clip.To(text, 64) + "' of '$top' is not a number of at least 1")
		}
		size = min(n, pageSize)
	}
	if text, given := c.query["$skiptoken"]; given {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		key, ours := strings.CutPrefix(string(raw), tokenVersion)
		if err != nil || !ours || key == "" || len(text) > maxToken || !utf8.ValidString(key) {
			return "", 0, errQuery("the value of '$skiptoken' is not one that was given out")
		}
		after = key
	}
	return after, size, nil
}

// nextLink is where the list goes on behind the thing with that key.
func (c *call) nextLink(key string) string {
	query := url.Values{}
	for name, value := range c.query {
		query.Set(name, value)
	}
	query.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(tokenVersion+key)))
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
	next := ""
	if len(items) > size {
		items = items[:size]
		next = folded(items[size-1])
	}
	return onePage(c, items, next, show), nil
}

// onePage shows items; the list goes on behind the key next, unless that is "".
func onePage[T any](c *call, items []T, next string, show func(T) any) answer {
	value := make([]any, 0, len(items))
	for _, item := range items {
		value = append(value, show(item))
	}
	body := object{"value": value}
	if next != "" {
		body["nextLink"] = c.nextLink(next)
	}
	return answer{status: http.StatusOK, body: body}
}

// batch is how many things are read at once for one who may see few of them.
const batch = 100

// listed is one page of the resources of a type, of the call's group or of all. It is
// read in parts by name: what comes before and after the page costs nothing.
func listed[T any](c *call, load func(ctx context.Context, group string, part directory.Span) ([]T, error), of func(T) directory.Resource, show func(T) any) (answer, error) {
	after, size, err := c.cut()
	if err != nil {
		return answer{}, err
	}
	key := func(item T) string { return strings.ToLower(of(item).Name + "/" + of(item).Group) }
	part := directory.Span{After: after, Limit: size + 1}
	if !c.access.Allowed(c.route.action, c.scope) {
		part.Limit = max(part.Limit, batch)
	}
	var items []T
	for more := true; more && len(items) <= size; {
		read, err := load(c.Context(), c.vars["group"], part)
		if err != nil {
			return answer{}, err
		}
		if more = len(read) == part.Limit; more {
			part.After = key(read[len(read)-1])
		}
		items = append(items, visible(c, read, func(item T) string { return of(item).ID })...)
	}
	next := ""
	if len(items) > size {
		items = items[:size]
		next = key(items[size-1])
	}
	return onePage(c, items, next, show), nil
}
