// The closed loop: each client asks again as soon as it has its answer.

package loadgen

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mako-bench/bench"
)

const (
	// A measurement fails when no operation is answered for so long.
	stallLimit = 20 * time.Second
	// How often somebody looks whether one was.
	lookEvery = 20 * time.Millisecond
)

const (
	warmingUp uint32 = iota
	measuring
	ending
)

// loop is one measurement under way.
type loop struct {
	servers   *Servers
	phase     atomic.Uint32
	answered  atomic.Uint64
	measured  atomic.Uint64
	latencies bench.Histogram
	failure   chan error

	// Of the watch: what was answered when it last looked, and since when that has not changed.
	seen  uint64
	since time.Time
}

func measure(peer Peer, servers *Servers, load bench.Load) (*bench.Result, error) {
	if err := load.Check(); err != nil {
		return nil, err
	}
	clients, err := peer.Connect(load)
	if err != nil {
		return nil, err
	}
	defer clients.Close()
	l := &loop{servers: servers, failure: make(chan error, 1), since: time.Now()}
	var running sync.WaitGroup
	for _, ask := range clients.Ask {
		running.Add(1)
		go func(ask func() (Answered, error)) {
			defer running.Done()
			l.client(ask)
		}(ask)
	}
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()

	if err := l.watch(bench.Seconds(load.WarmUpSeconds), func() bool { return true }); err != nil {
		return nil, err
	}
	cpuBefore, err := servers.cpu(clients.Leader)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	l.phase.Store(measuring)
	// A rate and quantiles of nothing would say nothing: on a busy machine a short measurement takes longer.
	if err := l.watch(bench.Seconds(load.Seconds), func() bool { return l.measured.Load() > 0 }); err != nil {
		return nil, err
	}
	l.phase.Store(ending)
	wall := time.Since(begin)
	cpuAfter, err := servers.cpu(clients.Leader)
	if err != nil {
		return nil, err
	}
	// The last answers are waited for: nothing of this load is under way in the next measurement.
	if err := l.watch(0, func() bool { return isClosed(ended) }); err != nil {
		return nil, err
	}
	quantiles := l.latencies.Quantiles(0.5, 0.99)
	return &bench.Result{
		Operations:  l.measured.Load(),
		WallMs:      float64(wall.Nanoseconds()) / 1e6,
		CPUUs:       bench.Microseconds(cpuAfter.all - cpuBefore.all),
		LeaderCPUUs: bench.Microseconds(cpuAfter.leading - cpuBefore.leading),
		P50Us:       quantiles[0],
		P99Us:       quantiles[1],
	}, nil
}

func (l *loop) client(ask func() (Answered, error)) {
	for l.phase.Load() != ending {
		answered, err := ask()
		if err != nil {
			select {
			case l.failure <- err:
			default:
			}
			return
		}
		if l.phase.Load() == measuring {
			l.latencies.Record(time.Since(answered.Asked), uint64(answered.Operations))
			l.measured.Add(uint64(answered.Operations))
		}
		l.answered.Add(uint64(answered.Operations))
	}
}

// watch waits for so long, and then until done; it fails when an operation or a server does, or when nothing moves.
func (l *loop) watch(duration time.Duration, done func() bool) error {
	end := time.Now().Add(duration)
	for {
		left := time.Until(end)
		if left <= 0 && done() {
			break
		}
		if left <= 0 || left > lookEvery {
			left = lookEvery
		}
		time.Sleep(left)
		if answered := l.answered.Load(); answered != l.seen {
			l.seen, l.since = answered, time.Now()
		} else if time.Since(l.since) > stallLimit {
			return fmt.Errorf("no operation was answered for %v", stallLimit)
		}
		if err := l.servers.Err(); err != nil {
			return err
		}
		select {
		case err := <-l.failure:
			return fmt.Errorf("an operation failed: %w", err)
		default:
		}
	}
	return nil
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}
