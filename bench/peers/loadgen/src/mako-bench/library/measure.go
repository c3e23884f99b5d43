package library

import (
	"fmt"
	"sync/atomic"
	"time"
)

// stallLimit is how long nothing may move before a measurement fails.
const stallLimit = 20 * time.Second

var epoch = time.Now()

// Now is a clock that never jumps; it is read twice for each operation, so it is the cheapest one.
func Now() time.Duration { return time.Since(epoch) }

// Load is what a measurement asks for.
type Load struct {
	InFlight      int     `json:"inFlight"`
	Bytes         int     `json:"bytes"`
	Seconds       float64 `json:"seconds"`
	WarmUpSeconds float64 `json:"warmUpSeconds"`
}

// Result is what a measurement has found.
type Result struct {
	Operations uint64  `json:"operations"`
	WallMs     float64 `json:"wallMs"`
	CPUUs      float64 `json:"cpuUs"`
	// Of that, what this process has used.
	LeaderCPUUs float64 `json:"leaderCpuUs"`
	P50Us       float64 `json:"p50Us"`
	P99Us       float64 `json:"p99Us"`
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
		if now.Sub(moved) > stallLimit {
			return fmt.Errorf("nothing has moved for %v", stallLimit)
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

// measure runs clients, first to warm up and then measured. When it returns a result, they have all been answered, so
// that nothing of it runs in the next measurement.
func measure(load Load, start Start, others []int) (result Result, err error) {
	if load.InFlight < 1 || load.Bytes < 1 || load.Seconds <= 0 || load.WarmUpSeconds < 0 {
		return result, fmt.Errorf("no load to be measured: %+v", load)
	}
	meter := &Meter{failed: make(chan error, 1)}
	stop := start(load, meter)
	if result, err = meter.measure(load, others); err != nil {
		return result, err
	}
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		return result, nil
	case err := <-meter.failed:
		return result, err
	case <-time.After(stallLimit):
		return result, fmt.Errorf("the last operations were not answered for %v", stallLimit)
	}
}

func (m *Meter) measure(load Load, others []int) (result Result, err error) {
	seconds := func(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
	if err = m.wait(seconds(load.WarmUpSeconds), 0); err != nil {
		return result, err
	}
	m.latencies.Reset()
	operations, began := m.done(), time.Now()
	processor, err := processorTimeNow(others)
	if err != nil {
		return result, err
	}
	if err = m.wait(seconds(load.Seconds), operations); err != nil {
		return result, err
	}
	result.WallMs = float64(time.Since(began).Nanoseconds()) / 1e6
	result.Operations = m.done() - operations
	processorAfter, err := processorTimeNow(others)
	if err != nil {
		return result, err
	}
	result.CPUUs = microseconds(processorAfter.all - processor.all)
	result.LeaderCPUUs = microseconds(processorAfter.leading - processor.leading)
	quantiles := m.latencies.Quantiles(0.5, 0.99)
	result.P50Us, result.P99Us = quantiles[0], quantiles[1]
	return result, nil
}

func microseconds(duration time.Duration) float64 { return float64(duration.Nanoseconds()) / 1e3 }
