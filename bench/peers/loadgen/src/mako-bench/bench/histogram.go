package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Each power of two has this many buckets, so that a quantile is at most 1.6 % off.
const bucketsOfPower = 64

const powers = 36

// Histogram counts durations in buckets whose width grows with the duration. Any goroutine may record; it never
// allocates.
type Histogram struct {
	counts [(powers + 1) * bucketsOfPower]uint64
}

func bucketOf(nanoseconds uint64) int {
	power := bits.Len64(nanoseconds / bucketsOfPower)
	if power == 0 {
		return int(nanoseconds)
	}
	if power > powers {
		return (powers+1)*bucketsOfPower - 1
	}
	return power*bucketsOfPower + int(nanoseconds>>(power-1)) - bucketsOfPower
}

// middleOf is what a bucket stands for.
func middleOf(bucket int) float64 {
	power := bucket / bucketsOfPower
	if power == 0 {
		return float64(bucket)
	}
	width := float64(uint64(1) << (power - 1))
	return (float64(bucket%bucketsOfPower+bucketsOfPower) + 0.5) * width
}

// Record counts a duration so many times.
func (h *Histogram) Record(duration time.Duration, count uint64) {
	if duration < 0 {
		duration = 0
	}
	atomic.AddUint64(&h.counts[bucketOf(uint64(duration))], count)
}

// Reset forgets everything.
func (h *Histogram) Reset() {
	for i := range h.counts {
		atomic.StoreUint64(&h.counts[i], 0)
	}
}

// Quantiles says, in microseconds, below what the given parts of all durations are; zeros when there are none.
func (h *Histogram) Quantiles(parts ...float64) []float64 {
	var counts [len(h.counts)]uint64
	total := uint64(0)
	for i := range counts {
		counts[i] = atomic.LoadUint64(&h.counts[i])
		total += counts[i]
	}
	found := make([]float64, len(parts))
	for i, part := range parts {
		rank := uint64(part * float64(total))
		seen := uint64(0)
		for bucket, count := range counts {
			seen += count
			if seen > rank {
				found[i] = middleOf(bucket) / 1000
				break
			}
		}
	}
	return found
}
