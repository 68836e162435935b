package gateway

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"github.com/midas-mysql/midas/internal/wire"
)

// Programs that check their own TLS ask the server for it: SHOW STATUS LIKE 'Ssl_cipher'.
// The backend knows the gateway's connection to it, and the client means its own to the
// gateway. So the backend gets a SELECT of the truth in place of such a statement: its
// answer comes in turn, with the session's own status, in whatever protocol was agreed.

// maxSSLStatus is the longest text that is looked at.
const maxSSLStatus = 80

// sslStatus returns the statement in place of sql, which asks about the client's TLS, or "".
func sslStatus(client net.Conn, sql []byte) string {
	name := sslVariable(sql)
	if name == "" {
		return ""
	}
	conn, ok := client.(*tls.Conn)
	if !ok {
		return ""
	}
	state := conn.ConnectionState()
	value := sslVersion(state.Version)
	if name == "Ssl_cipher" {
		value = sslCipher(state.CipherSuite)
	}
	// With the lengths of the columns that both servers have.
	return fmt.Sprintf("SELECT CAST('%s' AS CHAR(64)) AS Variable_name, CAST('%s' AS CHAR(2048)) AS Value", name, value)
}

// sslVariable returns which of the two variables sql asks for, in the server's spelling, if
// it asks for nothing else: another pattern or condition may have more in its answer.
func sslVariable(sql []byte) string {
	if len(sql) > maxSSLStatus {
		return ""
	}
	text := strings.TrimSuffix(strings.TrimRight(string(sql), " \t\r\n\x00"), ";")
	words := strings.Fields(text)
	if len(words) == 5 && (strings.EqualFold(words[1], "SESSION") || strings.EqualFold(words[1], "LOCAL")) {
		words = append(words[:1], words[2:]...)
	}
	if len(words) != 4 || !strings.EqualFold(strings.Join(words[:3], " "), "SHOW STATUS LIKE") {
		return ""
	}
	for _, name := range []string{"Ssl_cipher", "Ssl_version"} {
		if strings.EqualFold(words[3], "'"+name+"'") || strings.EqualFold(words[3], `"`+name+`"`) {
			return name
		}
	}
	return ""
}

// sslVersion is TLS's version in OpenSSL's words, which the servers use.
func sslVersion(version uint16) string {
	switch version {
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return strings.ReplaceAll(tls.VersionName(version), " ", "v")
}

// sslCipher is a cipher suite in OpenSSL's words: those of TLS 1.3 have one name for all,
// those of TLS 1.2 another than the standard's.
// Source: OpenSSL, ciphers(1), "CIPHER SUITE NAMES".
func sslCipher(suite uint16) string {
	name := tls.CipherSuiteName(suite)
	exchange, cipher, old := strings.Cut(strings.TrimPrefix(name, "TLS_"), "_WITH_")
	if !old {
		return name
	}
	cipher = strings.NewReplacer("AES_", "AES", "_CBC_SHA", "_SHA", "3DES_EDE", "DES_CBC3", "POLY1305_SHA256", "POLY1305").Replace(cipher)
	if exchange == "RSA" {
		return strings.ReplaceAll(cipher, "_", "-")
	}
	return strings.ReplaceAll(exchange+"_"+cipher, "_", "-")
}

// answerSSLStatus sends the backend statement in place of the text of the next packet.
func answerSSLStatus(x *exchange, c wire.Command, length int, statement string) error {
	payload, err := x.take(length)
	if err != nil {
		return err
	}
	text, ok := x.text(c, payload)
	if !ok {
		return x.sendReplacement(payload)
	}
	head := len(payload) - len(text)
	return x.sendReplacement(append(payload[:head:head], statement...))
}
