package library

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"mako-bench/bench"
)

// stallLimit is how long nothing may move before a measurement fails.
const stallLimit = 20 * time.Second

// measure runs clients, first to warm up and then measured. When it returns a result, they have all been answered, so
// that nothing of it runs in the next measurement.
func measure(load bench.Load, start Start, others []int) (result bench.Result, err error) {
	if err = load.Check(); err != nil {
		return result, err
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

// Meter is told by the clients what was answered.
type Meter struct {
	operations uint64
	latencies  bench.Histogram
	failed     chan error
}

var epoch = time.Now()

// Now is a clock that never jumps. Clients read it twice for each operation, so it is the cheapest one.
func Now() time.Duration { return time.Since(epoch) }

// Done counts an operation that was answered with success.
func (m *Meter) Done(latency time.Duration) {
	m.latencies.Record(latency, 1)
	atomic.AddUint64(&m.operations, 1)
}

// Fail ends the measurement.
func (m *Meter) Fail(err error) {
	select {
	case m.failed <- err:
	default:
	}
}

func (m *Meter) measure(load bench.Load, others []int) (result bench.Result, err error) {
	if err = m.wait(bench.Seconds(load.WarmUpSeconds), 0); err != nil {
		return result, err
	}
	m.latencies.Reset()
	operations, began := m.done(), time.Now()
	processor, err := processorTimeNow(others)
	if err != nil {
		return result, err
	}
	// A rate and quantiles of nothing would say nothing: on a busy machine a short measurement takes longer.
	if err = m.wait(bench.Seconds(load.Seconds), operations); err != nil {
		return result, err
	}
	result.Operations = m.done() - operations
	result.WallMs = bench.Microseconds(time.Since(began)) / 1e3
	processorAfter, err := processorTimeNow(others)
	if err != nil {
		return result, err
	}
	result.CPUUs = bench.Microseconds(processorAfter.all - processor.all)
	result.LeaderCPUUs = bench.Microseconds(processorAfter.leading - processor.leading)
	quantiles := m.latencies.Quantiles(0.5, 0.99)
	result.P50Us, result.P99Us = quantiles[0], quantiles[1]
	return result, nil
}

func (m *Meter) done() uint64 { return atomic.LoadUint64(&m.operations) }

// wait waits for so long, and then until more than `least` operations are done; it fails when nothing moves.
func (m *Meter) wait(duration time.Duration, least uint64) error {
	const lookEvery = 100 * time.Millisecond
	end := time.Now().Add(duration)
	seen, moved := m.done(), time.Now()
	for {
		now := time.Now()
		if done := m.done(); done != seen {
			seen, moved = done, now
		}
		left := end.Sub(now)
		switch {
		case now.Sub(moved) > stallLimit:
			return fmt.Errorf("no operation was answered for %v", stallLimit)
		case left <= 0 && seen > least:
			return nil
		case left <= 0:
			left = time.Millisecond
		case left > lookEvery:
			left = lookEvery
		}
		select {
		case err := <-m.failed:
			return fmt.Errorf("an operation failed: %w", err)
		case <-time.After(left):
		}
	}
}

// processorTime is what this process, and all processes, have used so far.
type processorTime struct {
	leading, all time.Duration
}

func processorTimeNow(others []int) (used processorTime, err error) {
	if used.leading, err = bench.ProcessorTimeOf(os.Getpid()); err != nil {
		return used, err
	}
	used.all = used.leading
	for _, pid := range others {
		one, err := bench.ProcessorTimeOf(pid)
		if err != nil {
			return used, err
		}
		used.all += one
	}
	return used, nil
}
