package issuer

import (
	"bytes"
	"context"
	"encoding/base64"
	"os/exec"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
)

const (
	commandTimeout = 30 * time.Second
	// maxWrapped is more than any key management service makes of 32 bytes.
	maxWrapped = 16 << 10
)

// commandProtector has a program wrap data keys: the client of a key management service.
type commandProtector struct{ argv []string }

// NewCommandProtector returns a protector that runs a program, which is given the word
// "wrap" or "unwrap" and the signing key's id as its last two arguments, and base64 on
// its standard input, and answers with base64 on its standard output. Errors are
// Invalid.
func NewCommandProtector(argv []string) (KeyProtector, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, midas.Errorf(midas.Invalid, "the key encryption command is empty")
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, midas.Errorf(midas.Invalid, "key encryption command: %w", err)
	}
	return &commandProtector{argv: argv}, nil
}

// ID is one for all commands: an operator may move the program or change its options.
func (p *commandProtector) ID() string { return "command" }

func (p *commandProtector) Wrap(ctx context.Context, dataKey []byte, keyID string) ([]byte, error) {
	return p.run(ctx, "wrap", dataKey, keyID)
}

func (p *commandProtector) Unwrap(ctx context.Context, wrapped []byte, keyID string) ([]byte, error) {
	return p.run(ctx, "unwrap", wrapped, keyID)
}

func (p *commandProtector) run(ctx context.Context, verb string, in []byte, keyID string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	args := append(append([]string{}, p.argv[1:]...), verb, keyID)
	cmd := exec.CommandContext(ctx, p.argv[0], args...)
	cmd.Stdin = strings.NewReader(base64.StdEncoding.EncodeToString(in) + "\n")
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	// What it says on standard error is not passed on: it may quote what it was given.
	if err := cmd.Run(); err != nil {
		return nil, midas.Errorf(midas.Unavailable, "key encryption command %s %s: %w", p.argv[0], verb, err).
			WithHint("run it by hand to see why it fails")
	}
	if out.Len() > maxWrapped {
		return nil, midas.Errorf(midas.Invalid, "key encryption command %s %s answered with %d bytes", p.argv[0], verb, out.Len())
	}
	answer, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(out.Bytes())))
	if err != nil || len(answer) == 0 {
		return nil, midas.Errorf(midas.Invalid, "key encryption command %s %s: its answer is not base64", p.argv[0], verb)
	}
	return answer, nil
}
