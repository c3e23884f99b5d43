// Package loadgen is what the load generators of all server peers share: it starts three servers, drives closed loops
// of clients against them, and tells what that took.
//
// Always true: the servers are children of the load generator and end with it, however it ends; every operation that
// counts was answered with success; processor time is that of the servers and of this process in the measured time.
package loadgen

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"mako-bench/bench"
)

// Peer is what differs between the servers.
type Peer struct {
	// Start starts three servers and returns when they are one group that takes writes. Setup is "disk" or "memory".
	Start func(servers *Servers, setup string) error
	// Connect opens the clients of one measurement.
	Connect func(load bench.Load) (*Clients, error)
}

// Answered are operations that were asked for at the same time.
type Answered struct {
	Operations int
	Asked      time.Time
}

// One is a single operation.
func One(asked time.Time) Answered { return Answered{Operations: 1, Asked: asked} }

// Clients are those of one measurement.
type Clients struct {
	// Leader is the server that they talk to, as a number from 0 in the order in which the servers were started.
	Leader int
	// Ask has one function for each goroutine that calls it again and again. Each call returns when an operation, or all
	// that were asked for together, have been answered with success.
	Ask []func() (Answered, error)
	// Close ends their connections.
	Close func()
}

type request struct {
	Start *struct {
		Setup     string `json:"setup"`
		Directory string `json:"directory"`
		// At most, of clients, once, so that no measurement pays for what is compiled and grown on first use.
		WarmUpSeconds float64 `json:"warmUpSeconds"`
	} `json:"start"`
	Run *bench.Load `json:"run"`
}

// A server is to end when the thread that has started it does: that is the first thread, which lives as long as the
// process, and the goroutine of main, which starts the servers, stays on it.
func init() { runtime.LockOSThread() }

// Serve obeys one line of JSON after the other and answers each with one line. When there are no more lines the servers
// end and so does the process, whatever is under way; a failure is answered with {"error": ...} and ends all as well.
func Serve(peer Peer) {
	// Garbage of the clients is collected less often than usual: that is faster, and there is memory enough.
	debug.SetGCPercent(400)
	servers := &Servers{}
	requests := make(chan []byte)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			requests <- append([]byte(nil), lines.Bytes()...)
		}
		servers.Kill()
		os.Exit(0)
	}()
	for line := range requests {
		result, err := obey(peer, servers, line)
		if err != nil {
			servers.Kill()
			answer(map[string]string{"error": err.Error()})
			os.Exit(1)
		}
		answer(result)
	}
}

func obey(peer Peer, servers *Servers, line []byte) (interface{}, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, fmt.Errorf("a line that is no request: %w", err)
	}
	switch {
	case asked.Start != nil:
		servers.directory = asked.Start.Directory
		err := start(peer, servers, asked.Start.Setup, asked.Start.WarmUpSeconds)
		return map[string]bool{"started": true}, err
	case asked.Run != nil:
		return measure(peer, servers, *asked.Run)
	default:
		return nil, errors.New("a request that asks for nothing")
	}
}

func start(peer Peer, servers *Servers, setup string, warmUpSeconds float64) error {
	if setup != "disk" && setup != "memory" {
		return fmt.Errorf("no such setup: %q", setup)
	}
	if err := peer.Start(servers, setup); err != nil {
		return err
	}
	return warmUp(peer, servers, warmUpSeconds)
}

// warmUp drives the servers until they have done enough, but not for longer than that.
func warmUp(peer Peer, servers *Servers, seconds float64) error {
	// ZooKeeper costs half of what it did at first when it has done so many.
	const enough = 150_000
	const slice = 0.5
	done := uint64(0)
	for ; seconds > 0 && done < enough; seconds -= slice {
		result, err := measure(peer, servers, bench.Load{InFlight: 512, Bytes: 100, Seconds: math.Min(seconds, slice)})
		if err != nil {
			return err
		}
		done += result.Operations
	}
	return nil
}

func answer(what interface{}) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(line, '\n'))
}
