package graph

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas/directory"
)

// count is the answer to $count: a number as plain text.
type count int

func (n count) send(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(strconv.Itoa(int(n))))
	}
}

// many is the answer that is a page of a collection.
func many[T any](c *call, set string, page directory.Page[T], show func(T) (object, error)) (answer, error) {
	value := make([]object, 0, len(page.Items))
	for _, item := range page.Items {
		shown, err := show(item)
		if err != nil {
			return answer{}, err
		}
		value = append(value, shown)
	}
	body := object{"@odata.context": c.root + "/$metadata#" + set, "value": value}
	if c.query.count {
		body["@odata.count"] = page.Total
	}
	if page.Next != "" {
		body["@odata.nextLink"] = c.next(page.Next)
	}
	return answer{http.StatusOK, body}, nil
}

// next is where a collection goes on: the same question with another token.
func (c *call) next(token string) string {
	query := c.URL.Query()
	for name := range query {
		if strings.EqualFold(name, "$skiptoken") {
			query.Del(name)
		}
	}
	query.Set("$skiptoken", token)
	return c.base + c.URL.EscapedPath() + "?" + query.Encode()
}

// counted makes $count of a list: the number of all it would return.
func counted(list func(*call) (answer, error)) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		if err := c.query.only("$filter", "$count"); err != nil {
			return answer{}, err
		}
		c.query.count, c.query.top = true, 1
		ans, err := list(c)
		if err != nil {
			return ans, err
		}
		total, _ := ans.body.(object)["@odata.count"].(int)
		return answer{http.StatusOK, count(total)}, nil
	}
}
