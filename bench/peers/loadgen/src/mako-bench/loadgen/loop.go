// The closed loop: each client asks again as soon as it has its answer.

package loadgen

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what one measurement has found.
type Result struct {
	Operations uint64  `json:"operations"`
	WallMs     float64 `json:"wallMs"`
	CPUUs      float64 `json:"cpuUs"`
	// Of that, what the clients and the server that they talk to have used.
	LeaderCPUUs float64 `json:"leaderCpuUs"`
	// From asking to the answer; of a client that asks for many operations at once, to the answer of all of them.
	P50Us float64 `json:"p50Us"`
	P99Us float64 `json:"p99Us"`
}

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
	latencies histogram
	failure   chan error

	// Of the watch: what was answered when it last looked, and since when that has not changed.
	seen  uint64
	since time.Time
}

func measure(peer Peer, servers *Servers, load Load) (*Result, error) {
	if load.InFlight < 1 || load.Bytes < 1 || load.Seconds <= 0 || load.WarmUpSeconds < 0 {
		return nil, fmt.Errorf("no load to be measured: %+v", load)
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

	if err := l.watch(seconds(load.WarmUpSeconds), func() bool { return true }); err != nil {
		return nil, err
	}
	cpuBefore, err := servers.cpu(clients.Leader)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	l.phase.Store(measuring)
	// A rate and quantiles of nothing would say nothing: on a busy machine a short measurement takes longer.
	if err := l.watch(seconds(load.Seconds), func() bool { return l.latencies.count() > 0 }); err != nil {
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
	return &Result{
		Operations:  l.latencies.count(),
		WallMs:      float64(wall.Nanoseconds()) / 1e6,
		CPUUs:       microseconds(cpuAfter.all - cpuBefore.all),
		LeaderCPUUs: microseconds(cpuAfter.leading - cpuBefore.leading),
		P50Us:       l.latencies.quantile(0.5) / 1e3,
		P99Us:       l.latencies.quantile(0.99) / 1e3,
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
			l.latencies.add(time.Since(answered.Asked), uint64(answered.Operations))
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

func seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }

func microseconds(duration time.Duration) float64 { return float64(duration.Nanoseconds()) / 1e3 }

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}
