// The driver of etcd's Raft library: a RawNode for each of three replicas, in the best shape we know for it.
//
//   - One turn of a node takes in everything that has arrived and every new proposal, as one MsgProp, before it asks for
//     one Ready. There is no goroutine between a socket and the node: whoever has something for an idle node runs it.
//   - A leader sends before its own flush, so that all three flush at once (Raft thesis, section 10.2.1). The library
//     counts the leader's own flush: nothing of it is acknowledged before.
//   - The disk is etcd's own write-ahead log, with one Save and one flush for each Ready; the memory is the library's
//     own storage, compacted as soon as all three nodes have an entry.
//   - The library has no transport: here a message is its protobuf with its length before it, on one TCP connection for
//     each pair and direction, written with one system call for each turn.
//   - Its clients run in the leader's turn: an operation is over when it is applied there, and the next one is proposed
//     in the same turn. Each counts as answered only then.
//
// The garbage collector runs less often than by default (GOGC), which is faster here.
package main

import (
	"fmt"
	"runtime/debug"
	"time"

	"go.etcd.io/etcd/raft/raftpb"

	"mako-bench/driver"
)

const (
	nodes = 3
	// garbagePercent was the fastest of 100, 200, 400, 800 and 1600.
	garbagePercent = 400
	startLimit     = 20 * time.Second
)

func main() {
	options := driver.ParseOptions()
	debug.SetGCPercent(garbagePercent)
	if options.Setup == "one-process" {
		driver.Serve(oneProcess())
		return
	}
	node, err := newNode(uint64(options.Node))
	if err != nil {
		driver.Fatal(err)
	}
	if options.Setup == "disk" {
		if node.disk, err = openDisk(options.Directory); err != nil {
			driver.Fatal(err)
		}
	}
	node.inline = true
	if err := connect(node, options.Addresses); err != nil {
		driver.Fatal(err)
	}
	go node.run()
	go node.tick()
	if node.id != leaderID {
		driver.Serve(nil)
		return
	}
	if err := node.lead(); err != nil {
		driver.Fatal(err)
	}
	driver.Serve(node.start)
}

// inlineLimit is up to how many operations in flight one goroutine for all three nodes is faster than one for each:
// below it there is nothing that could be done at the same time.
const inlineLimit = 8

// oneProcess has three nodes hand messages to one another.
func oneProcess() driver.Start {
	all := make([]*node, nodes)
	for i := range all {
		node, err := newNode(uint64(i + 1))
		if err != nil {
			driver.Fatal(err)
		}
		all[i] = node
	}
	for _, from := range all {
		for _, to := range all {
			if from != to {
				from.outlets[to.id] = &localOutlet{to: to}
			}
		}
		go from.run()
		go from.tick()
	}
	leader := all[leaderID-1]
	if err := leader.lead(); err != nil {
		driver.Fatal(err)
	}
	return func(load driver.Load, meter *driver.Meter) (func(), error) {
		for _, node := range all {
			node.mutex.Lock()
			node.inline = load.InFlight <= inlineLimit
			node.mutex.Unlock()
		}
		return leader.start(load, meter)
	}
}

// localOutlet hands messages to a node of the same process.
type localOutlet struct {
	to       *node
	messages []raftpb.Message
}

func (o *localOutlet) send(message *raftpb.Message) error {
	o.messages = append(o.messages, *message)
	return nil
}

func (o *localOutlet) flush() error {
	if len(o.messages) > 0 {
		o.to.enter(o.messages)
		o.messages = o.messages[:0]
	}
	return nil
}

// lead makes this node the leader, which it stays as long as nobody stands still.
func (n *node) lead() error {
	leading := make(chan struct{})
	n.call(func() {
		n.onLead = func() { close(leading) }
		if err := n.raw.Campaign(); err != nil {
			n.fail(err)
		}
	})
	select {
	case <-leading:
		return nil
	case <-time.After(startLimit):
		return fmt.Errorf("no leader in %v", startLimit)
	}
}
