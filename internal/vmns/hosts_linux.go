package vmns

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/midas-mysql/midas"
)

// writeHosts makes the file that becomes /etc/hosts, open for more lines at its end.
func writeHosts(own map[string]string) (*os.File, error) {
	host, err := os.ReadFile("/etc/hosts")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, midas.Errorf(midas.Internal, "read hosts: %w", err)
	}
	if n := len(host); n > 0 && host[n-1] != '\n' {
		host = append(host, '\n')
	}
	text, err := hostsFile(own, host)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "midas-hosts-")
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "write hosts: %w", err)
	}
	_, err = f.Write(text)
	// Readable by whichever user the command becomes, as /etc/hosts is.
	if err = errors.Join(err, f.Chmod(0o644)); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, midas.Errorf(midas.Internal, "write hosts: %w", err)
	}
	return f, nil
}

// learn starts cfg.Learn and returns what ends it. New lines go to the end of the file in
// one write each: a reader sees them or not, and never a file that is half there.
func learn(ctx context.Context, cfg Config, hosts *os.File) (stop func()) {
	if cfg.Learn == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var learning sync.WaitGroup
	learning.Go(func() {
		cfg.Learn(ctx, func(names map[string]string) error {
			lines, err := hostsLines(names)
			if err == nil {
				_, err = hosts.Write(lines)
			}
			return err
		})
	})
	return func() {
		cancel()
		learning.Wait()
	}
}
