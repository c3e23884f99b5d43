package driver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// StallLimit is how long nothing may move before a measurement fails.
const StallLimit = 20 * time.Second

var epoch = time.Now()

// Now is a clock that never jumps; it is read twice for each operation, so it is the cheapest one.
func Now() time.Duration { return time.Since(epoch) }

// Load is what a measurement asks for.
type Load struct {
	InFlight      int     `json:"inFlight"`
	Bytes         int     `json:"bytes"`
	Seconds       float64 `json:"seconds"`
	WarmUpSeconds float64 `json:"warmUpSeconds"`
	// Processes are the other nodes', whose processor time counts too.
	Processes []int `json:"processes"`
}

// Result is what a measurement has found.
type Result struct {
	Operations uint64  `json:"operations"`
	WallMs     float64 `json:"wallMs"`
	CPUUs      float64 `json:"cpuUs"`
	P50Us      float64 `json:"p50Us"`
	P99Us      float64 `json:"p99Us"`
}

// Meter is told by the clients what they have finished.
type Meter struct {
	operations uint64
	latencies  Histogram
	failed     chan error
}

// Done counts an operation that was answered with success.
func (m *Meter) Done(latency time.Duration) {
	m.latencies.Record(latency)
	atomic.AddUint64(&m.operations, 1)
}

// Fail ends the measurement.
func (m *Meter) Fail(err error) {
	select {
	case m.failed <- err:
	default:
	}
}

func (m *Meter) done() uint64 { return atomic.LoadUint64(&m.operations) }

// wait waits while operations go on, and in any case until more than `least` are done.
func (m *Meter) wait(duration time.Duration, least uint64) error {
	end := time.Now().Add(duration)
	seen, moved := m.done(), time.Now()
	for {
		now := time.Now()
		if done := m.done(); done != seen {
			seen, moved = done, now
		}
		if now.Sub(moved) > StallLimit {
			return fmt.Errorf("nothing has moved for %v", StallLimit)
		}
		left := end.Sub(now)
		if left <= 0 && seen > least {
			return nil
		}
		if left > 100*time.Millisecond {
			left = 100 * time.Millisecond
		} else if left <= 0 {
			left = time.Millisecond
		}
		select {
		case err := <-m.failed:
			return err
		case <-time.After(left):
		}
	}
}

// Start lets clients loose on the leader, `InFlight` operations at any time, and returns what calls them back.
type Start func(load Load, meter *Meter) (stop func(), err error)

// Measure runs clients, first to warm up and then measured. They are called back in any case, and every operation
// has an outcome before the answer, so that nothing of it runs in the next measurement.
func Measure(load Load, start Start) (result Result, err error) {
	if load.InFlight < 1 || load.Bytes < 1 {
		return result, errors.New("a load has at least one operation in flight and one byte")
	}
	meter := &Meter{failed: make(chan error, 1)}
	stop, err := start(load, meter)
	if err != nil {
		return result, err
	}
	result, err = meter.measure(load)
	ended := make(chan struct{})
	go func() {
		stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(StallLimit):
		if err == nil {
			err = fmt.Errorf("operations had no outcome for %v", StallLimit)
		}
	}
	select {
	case late := <-meter.failed:
		if err == nil {
			err = late
		}
	default:
	}
	return result, err
}

func (m *Meter) measure(load Load) (result Result, err error) {
	seconds := func(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
	if err = m.wait(seconds(load.WarmUpSeconds), 0); err != nil {
		return result, err
	}
	m.latencies.Reset()
	operations, began := m.done(), time.Now()
	processor, err := processorTime(load.Processes)
	if err != nil {
		return result, err
	}
	if err = m.wait(seconds(load.Seconds), operations); err != nil {
		return result, err
	}
	result.WallMs = float64(time.Since(began).Nanoseconds()) / 1e6
	result.Operations = m.done() - operations
	processorAfter, err := processorTime(load.Processes)
	if err != nil {
		return result, err
	}
	result.CPUUs = float64((processorAfter - processor).Nanoseconds()) / 1e3
	quantiles := m.latencies.Quantiles(0.5, 0.99)
	result.P50Us, result.P99Us = quantiles[0], quantiles[1]
	return result, nil
}
