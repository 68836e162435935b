package midastest

import (
	"sync/atomic"
	"time"
)

// clock goes as the machine's does, and is ahead of it by what a test advanced it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }
