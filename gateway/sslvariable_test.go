package gateway

import (
	"regexp"
	"testing"
)

// FuzzSSLVariable: what is taken for a question about the client's TLS is that and nothing
// more, since the backend never sees it.
func FuzzSSLVariable(f *testing.F) {
	for _, seed := range []string{
		"SHOW STATUS LIKE 'Ssl_cipher'", "show session status like \"SSL_VERSION\";", "SHOW STATUS LIKE 'Ssl_cipher' -- x", "SHOW GLOBAL STATUS LIKE 'Ssl_cipher'",
		"SHOW STATUS LIKE 'Ssl_cipher';;", "SHOW STATUS LIKE 'Ssl_cipher'; DROP DATABASE shop", "SHOW\vSTATUS LIKE 'Ssl_cipher\"", "SHOW STATUS LIKE 'Ssl_cipher'\x00",
	} {
		f.Add(seed)
	}
	exact := regexp.MustCompile(`(?i)^\s*SHOW\s+(?:(?:SESSION|LOCAL)\s+)?STATUS\s+LIKE\s+(?:'(Ssl_cipher|Ssl_version)'|"(Ssl_cipher|Ssl_version)")\s*;?[\s\x00]*$`)
	f.Fuzz(func(t *testing.T, sql string) {
		if got := sslVariable([]byte(sql)); got != "" && !exact.MatchString(sql) {
			t.Errorf("%q is taken for %s", sql, got)
		}
	})
}
