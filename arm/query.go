package arm

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/midas-mysql/midas/internal/clip"
)

// versionPattern is how API versions look. "1.0" is that of /metadata/endpoints.
var versionPattern = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}(-[A-Za-z0-9.]+)?|\d\.\d)$`)

// maxVersion is the longest api-version that is read.
const maxVersion = 64

// readQuery reads the request's query once. A parameter that is there twice has no
// meaning: which of the two counts would differ from one reader to the next.
func readQuery(c *call) error {
	values, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return errQuery("it is malformed")
	}
	c.query = map[string]string{}
	for name, all := range values {
		name = strings.ToLower(name)
		if _, twice := c.query[name]; twice || len(all) > 1 {
			return errQuery("the parameter '" + clip.To(name, 64) + "' is there more than once")
		}
		c.query[name] = all[0]
	}
	version := c.query["api-version"]
	switch {
	case version == "":
		return errMissingVersion
	case len(version) > maxVersion || !versionPattern.MatchString(version) || !dated(version):
		return &armError{status: http.StatusBadRequest, code: "InvalidApiVersionParameter", message: "The api-version '" + clip.To(version, maxVersion) +
			"' is invalid. It must be a date as 2022-09-01, with '-preview' behind it or not."}
	}
	return nil
}

// dated reports whether a version that looks like a date is one.
func dated(version string) bool {
	if len(version) < len(time.DateOnly) { // that of /metadata/endpoints
		return true
	}
	_, err := time.Parse(time.DateOnly, version[:len(time.DateOnly)])
	return err == nil
}

func errQuery(why string) *armError {
	return &armError{status: http.StatusBadRequest, code: "InvalidQueryString", message: "The query string of the request is invalid: " + why + "."}
}
