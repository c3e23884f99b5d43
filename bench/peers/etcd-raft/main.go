// The driver of etcd's Raft library: a RawNode for each of three replicas, in the best shape we know for it.
//
//   - One turn of a node takes in everything that has arrived and every new proposal, as one MsgProp, before it asks for
//     one Ready. There is no goroutine between a socket and the node: whoever has something for an idle node runs it.
//   - A leader sends before its own flush, so that all three flush at once (Raft thesis, section 10.2.1). The library
//     counts the leader's own flush: nothing of it is acknowledged before.
//   - The disk is etcd's own write-ahead log, with one Save and one flush for each Ready; the memory is the library's
//     own storage, compacted whenever all three nodes have 1,024 more entries.
//   - The library has no transport: here a message is its protobuf with a header before it, on one TCP connection for
//     each pair and direction, written with one system call for each turn unless much is waiting.
//   - Its clients run in the leader's turn: an operation is over when it is applied there, and the next one is proposed
//     in the same turn. Each counts as answered only then.
//
// The garbage collector runs less often than by default: a GOGC of 400 is faster than 100 and 200, and no slower than
// 800 and 1600.
package main

import (
	"fmt"
	"time"

	"go.etcd.io/etcd/raft/raftpb"

	"mako-bench/library"
)

func main() {
	library.Serve(library.Library{
		GarbagePercent: 400,
		Follow: func(options library.Node) error {
			_, err := open(options)
			return err
		},
		Lead: func(options library.Node) (library.Start, error) {
			node, err := open(options)
			if err != nil {
				return nil, err
			}
			return node.start, node.lead()
		},
		OneProcess: oneProcess,
	})
}

// open starts a node that is a process of its own, and connects it.
func open(options library.Node) (*node, error) {
	node, err := newNode(options.ID)
	if err != nil {
		return nil, err
	}
	if options.Disk {
		if node.disk, err = openDisk(options.Directory); err != nil {
			return nil, err
		}
	}
	if err := connect(node, options.Addresses); err != nil {
		return nil, err
	}
	go node.tick()
	return node, nil
}

// oneProcess has three nodes hand messages to one another, without a copy. One goroutine runs all three, each when it is
// handed something: that is faster than a goroutine for each, at any number of operations in flight.
func oneProcess() (library.Start, error) {
	all := make([]*node, library.Count)
	for i := range all {
		node, err := newNode(i + 1)
		if err != nil {
			return nil, err
		}
		all[i] = node
	}
	for _, from := range all {
		for _, to := range all {
			if from != to {
				from.outlets[to.id] = &localOutlet{to: to}
			}
		}
	}
	for _, node := range all {
		go node.tick()
	}
	leader := all[library.Leader-1]
	return leader.start, leader.lead()
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
	case <-time.After(library.StartLimit):
		return fmt.Errorf("no leader in %v", library.StartLimit)
	}
}
