// Package library is what the drivers of Go libraries share: the lines they speak with the benchmark, which are those of
// the servers' load generators too, the processes of the nodes, and what a measurement needs.
//
// Always true: node 1 leads and is in the process of the clients; the other nodes are children of that process and end
// with it; every operation that counts was answered with success.
package library

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"mako-bench/bench"
)

// StartLimit is how long a group may take until it commits.
const StartLimit = 30 * time.Second

const graceTime = 200 * time.Millisecond

// Library is what differs between the drivers.
type Library struct {
	// GarbagePercent is GOGC: with 100 memory is collected when it has doubled.
	GarbagePercent int
	// Follow starts a node that is not the leader, in a process of its own.
	Follow func(node Node) error
	// Lead starts node 1, in this process, and returns when it is the leader and commits.
	Lead func(node Node) (Start, error)
	// OneProcess starts three nodes in this process.
	OneProcess func() (Start, error)
}

// Start lets clients loose on the leader, `InFlight` operations at any time, and returns what calls them back: that
// waits for the answers to all that they have asked for.
type Start func(load bench.Load, meter *Meter) (stop func())

type request struct {
	Start *struct {
		Setup         string  `json:"setup"`
		Directory     string  `json:"directory"`
		WarmUpSeconds float64 `json:"warmUpSeconds"`
	} `json:"start"`
	Run *bench.Load `json:"run"`
}

// Serve obeys one line of JSON after the other and answers each with one line. When there are no more lines the process
// ends, whatever is under way, and so do those of the other nodes; a failure is answered with {"error": ...} and ends
// all as well. The same program with a node as its argument is that node.
func Serve(library Library) {
	debug.SetGCPercent(library.GarbagePercent)
	requests := make(chan []byte)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			requests <- append([]byte(nil), lines.Bytes()...)
		}
		os.Exit(0)
	}()
	if len(os.Args) > 1 {
		follow(library, os.Args[1])
		select {}
	}
	served := &group{library: library}
	for line := range requests {
		result, err := served.obey(line)
		if err != nil {
			Fatal(err)
		}
		answer(result)
	}
}

// group is the three nodes.
type group struct {
	library Library
	// Processes of the nodes that are not in this one.
	others []int
	start  Start
}

func (g *group) obey(line []byte) (interface{}, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, fmt.Errorf("a line that is no request: %w", err)
	}
	switch {
	case asked.Start != nil && g.start == nil:
		if err := g.open(asked.Start.Setup, asked.Start.Directory); err != nil {
			return nil, err
		}
		if asked.Start.WarmUpSeconds > 0 {
			warmUp := bench.Load{InFlight: 64, Bytes: 100, Seconds: asked.Start.WarmUpSeconds}
			if _, err := measure(warmUp, g.start, g.others); err != nil {
				return nil, err
			}
		}
		return map[string]bool{"started": true}, nil
	case asked.Run != nil && g.start != nil:
		return measure(*asked.Run, g.start, g.others)
	default:
		return nil, errors.New("a request that cannot be obeyed now")
	}
}

func (g *group) open(setup, directory string) (err error) {
	switch setup {
	case "disk", "memory":
		nodes, err := newNodes(setup == "disk", directory)
		if err != nil {
			return err
		}
		for _, node := range nodes[1:] {
			pid, err := spawn(node)
			if err != nil {
				return err
			}
			g.others = append(g.others, pid)
		}
		g.start, err = g.library.Lead(nodes[0])
		return err
	case "one-process":
		g.start, err = g.library.OneProcess()
		return err
	default:
		return fmt.Errorf("no such setup: %q", setup)
	}
}

var output sync.Mutex

func answer(what interface{}) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// Fatal says what has failed and ends the process. The others end with it.
func Fatal(err error) {
	if len(os.Args) > 1 {
		// When the benchmark ends, the others are gone first: then nothing has failed, and the end of the input ends this
		// process while it waits here.
		time.Sleep(graceTime)
		fmt.Fprintln(os.Stderr, err)
	} else {
		answer(map[string]string{"error": err.Error()})
	}
	os.Exit(1)
}
