// Package bench is what all load generators share: what they are asked, what they answer, and with what they measure.
package bench

import (
	"fmt"
	"time"
)

// Load is what is asked for in one measurement.
type Load struct {
	// InFlight operations are asked for and not answered yet, at any time.
	InFlight int `json:"inFlight"`
	// Bytes of one value.
	Bytes int `json:"bytes"`
	// Seconds that are measured, after WarmUpSeconds that are not.
	Seconds       float64 `json:"seconds"`
	WarmUpSeconds float64 `json:"warmUpSeconds"`
	// Waiting clients are goroutines, where the driver has both kinds.
	Waiting bool `json:"waiting"`
}

// Check says what is wrong with a load.
func (l Load) Check() error {
	if l.InFlight < 1 || l.Bytes < 1 || l.Seconds <= 0 || l.WarmUpSeconds < 0 {
		return fmt.Errorf("no load to be measured: %+v", l)
	}
	return nil
}

// Result is what a measurement has found.
type Result struct {
	Operations uint64  `json:"operations"`
	WallMs     float64 `json:"wallMs"`
	CPUUs      float64 `json:"cpuUs"`
	// Of that, what the process of the clients has used, and the server that they talk to.
	LeaderCPUUs float64 `json:"leaderCpuUs"`
	// From asking to the answer; of a client that asks for many operations at once, to the answer of all of them.
	P50Us float64 `json:"p50Us"`
	P99Us float64 `json:"p99Us"`
}

// Seconds is so many of them.
func Seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }

// Microseconds is a duration in them.
func Microseconds(duration time.Duration) float64 { return float64(duration.Nanoseconds()) / 1e3 }
