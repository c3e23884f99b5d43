package main

import (
	"sync"
	"sync/atomic"
	"time"

	"mako-bench/bench"
	"mako-bench/library"
)

// loop is the clients of one measurement: so many of them, each of which asks again as soon as it is answered. They run
// in the turns of the leader, as callbacks: nothing is woken for an answer.
type loop struct {
	node    *node
	meter   *library.Meter
	payload []byte
	running bool
	waiting int
	ended   chan struct{}
}

type client struct {
	loop     *loop
	asked    time.Duration
	answered func()
}

func (n *node) start(load bench.Load, meter *library.Meter) func() {
	if load.Waiting {
		return n.startWaiting(load, meter)
	}
	l := &loop{
		node:    n,
		meter:   meter,
		payload: make([]byte, load.Bytes),
		running: true,
		waiting: load.InFlight,
		ended:   make(chan struct{}),
	}
	n.call(func() {
		for i := 0; i < load.InFlight; i++ {
			c := &client{loop: l}
			c.answered = c.answer
			c.ask()
		}
	})
	return func() {
		n.call(func() { l.running = false })
		<-l.ended
	}
}

func (c *client) ask() {
	c.asked = library.Now()
	c.loop.node.propose(c.loop.payload, c.answered)
}

func (c *client) answer() {
	l := c.loop
	l.meter.Done(library.Now() - c.asked)
	if l.running {
		c.ask()
		return
	}
	l.waiting--
	if l.waiting == 0 {
		close(l.ended)
	}
}

// startWaiting has a goroutine for each operation in flight, which proposes and waits until it is applied: how the library
// is used where whoever asks is a connection of its own.
func (n *node) startWaiting(load bench.Load, meter *library.Meter) func() {
	payload := make([]byte, load.Bytes)
	var ended int32
	var all sync.WaitGroup
	all.Add(load.InFlight)
	for i := 0; i < load.InFlight; i++ {
		go func() {
			defer all.Done()
			applied := make(chan struct{}, 1)
			answered := func() { applied <- struct{}{} }
			propose := func() { n.propose(payload, answered) }
			for atomic.LoadInt32(&ended) == 0 {
				asked := library.Now()
				n.do(propose)
				<-applied
				meter.Done(library.Now() - asked)
			}
		}()
	}
	return func() {
		atomic.StoreInt32(&ended, 1)
		all.Wait()
	}
}
