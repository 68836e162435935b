//go:build unix

package backend

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// logLook is how often the length of a running server's log is looked at.
var logLook = 10 * time.Second

// boundLogFromNowOn calls boundLog until stop is called. It begins with the process and not when
// that is ready: events run before, and what they say has no bound of its own.
func (c *child) boundLogFromNowOn() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		look := time.NewTicker(logLook)
		defer look.Stop()
		for {
			select {
			case <-end:
				return
			case <-look.C:
				c.boundLog()
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// maxLogEnd is how much of the log's end is looked at to tell why a start failed. What the
// administrator has the server say in ten seconds would fill midas's memory.
const maxLogEnd = 16 << 10

func (c *child) logEnd() string {
	log, err := os.OpenFile(c.logFile(), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return ""
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(io.NewSectionReader(log, max(0, info.Size()-maxLogEnd), maxLogEnd))
	return lastLines(text, 2)
}

// boundLog empties the server's log when it is longer than maxLog, and keeps its end beside
// it. The server appends, so it goes on at the beginning. Anyone who has found a way to make
// it say something would fill the disk otherwise.
func (c *child) boundLog() {
	log, err := os.OpenFile(c.logFile(), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil || info.Size() <= maxLog {
		return
	}
	if err := c.keepEnd(log, info.Size()); err != nil {
		c.log.Warn("the end of the backend's log is not kept", "err", err)
	}
	if err := log.Truncate(0); err != nil {
		c.log.Warn("the backend's log cannot be emptied", "bytes", info.Size(), "err", err)
	}
}

func (c *child) keepEnd(log *os.File, size int64) error {
	old, err := os.OpenFile(c.logFile()+".old", os.O_CREATE|os.O_WRONLY|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(old, io.NewSectionReader(log, size-maxLog, maxLog))
	if closing := old.Close(); err == nil {
		err = closing
	}
	return err
}
