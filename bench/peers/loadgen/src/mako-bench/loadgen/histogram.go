package loadgen

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Buckets of one octave: a quantile is right to half a bucket, which is less than 1 %.
const (
	bucketBits = 6
	octave     = 1 << bucketBits
)

// histogram counts durations in nanoseconds, in buckets whose width grows with what is in them. Any goroutine may add.
type histogram struct {
	buckets [(64 - bucketBits + 1) * octave]atomic.Uint64
	total   atomic.Uint64
}

func (h *histogram) add(duration time.Duration, count uint64) {
	h.buckets[bucketOf(uint64(duration.Nanoseconds()))].Add(count)
	h.total.Add(count)
}

func (h *histogram) count() uint64 { return h.total.Load() }

// quantile is the middle of the bucket in which it lies, in nanoseconds.
func (h *histogram) quantile(part float64) float64 {
	rank := uint64(part * float64(h.count()))
	for index := range h.buckets {
		count := h.buckets[index].Load()
		if rank < count {
			lowest, width := bucketAt(index)
			return float64(lowest) + float64(width-1)/2
		}
		rank -= count
	}
	return 0
}

// bucketOf gives each value below an octave its own bucket, and keeps the highest bits of the others.
func bucketOf(value uint64) int {
	if value < octave {
		return int(value)
	}
	shift := bits.Len64(value) - bucketBits - 1
	return shift*octave + int(value>>shift)
}

func bucketAt(index int) (lowest, width uint64) {
	if index < 2*octave {
		return uint64(index), 1
	}
	shift := index/octave - 1
	return uint64(index-shift*octave) << shift, 1 << shift
}
