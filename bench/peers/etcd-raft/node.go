package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
	"go.etcd.io/etcd/raft/tracker"

	"mako-bench/library"
)

const (
	tickTime = 100 * time.Millisecond
	// An election takes this many ticks, as etcd has it by default.
	electionTicks = 10
	// Messages that have arrived and not been taken in; what comes on top is dropped, which Raft can bear.
	inboxLimit = 1 << 16
	// The log in memory is compacted when all have so many more of its entries.
	compactEntries = 1 << 10
	// A follower that is so far behind does not follow.
	logLimit = 1 << 22
)

// outlet is the way to one other node. What is sent has left at the latest when it is flushed.
type outlet interface {
	send(message *raftpb.Message) error
	flush() error
}

// node is one replica. All but the inbox belongs to whoever runs its turn, and only one goroutine does at any time.
type node struct {
	id      uint64
	raw     *raft.RawNode
	storage *raft.MemoryStorage
	disk    *disk // nil when nothing is flushed
	outlets [library.Count + 1]outlet

	leads  bool
	onLead func()
	// Asked for and not proposed yet, and what to call when the oldest operations are applied: entries are applied in
	// the order in which a leader proposes them.
	asked   []raftpb.Entry
	answers []func()
	oldest  int
	// The state machine: how many entries and bytes were applied.
	entries, bytes uint64
	applied, first uint64

	mutex    sync.Mutex
	busy     bool
	messages []raftpb.Message
	calls    []func()
}

func newNode(id int) (*node, error) {
	storage := raft.NewMemoryStorage()
	voters := []uint64{1, 2, 3}
	// All begin with the same snapshot, of nothing but who votes.
	metadata := raftpb.SnapshotMetadata{Index: 1, Term: 1, ConfState: raftpb.ConfState{Voters: voters}}
	if err := storage.ApplySnapshot(raftpb.Snapshot{Metadata: metadata}); err != nil {
		return nil, err
	}
	raw, err := raft.NewRawNode(&raft.Config{
		ID:              uint64(id),
		ElectionTick:    electionTicks,
		HeartbeatTick:   1,
		Storage:         storage,
		Applied:         metadata.Index,
		MaxSizePerMsg:   1 << 20,
		MaxInflightMsgs: 256,
		// What is applied at once: everything.
		MaxCommittedSizePerReady:  1 << 62,
		MaxUncommittedEntriesSize: 1 << 30,
		CheckQuorum:               true,
		PreVote:                   true,
		Logger:                    &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	if err != nil {
		return nil, err
	}
	return &node{id: uint64(id), raw: raw, storage: storage, first: 1}, nil
}

// enter hands over messages that have arrived, which stay the caller's. The caller runs the node unless somebody does.
func (n *node) enter(messages []raftpb.Message) {
	n.mutex.Lock()
	if len(n.messages)+len(messages) <= inboxLimit {
		n.messages = append(n.messages, messages...)
	}
	n.work()
}

// call has something done in the node's next turn, which is never the caller's.
func (n *node) call(task func()) {
	n.mutex.Lock()
	n.calls = append(n.calls, task)
	n.mutex.Unlock()
	go func() {
		n.mutex.Lock()
		n.work()
	}()
}

// do has something done in the node's next turn, by the caller when nobody else is at it.
func (n *node) do(task func()) {
	n.mutex.Lock()
	n.calls = append(n.calls, task)
	n.work()
}

// work takes one turn after the other until there is nothing to do, or leaves that to whoever is doing it. It is called
// with the mutex held, and gives it back.
func (n *node) work() {
	if n.busy {
		n.mutex.Unlock()
		return
	}
	n.busy = true
	var messages []raftpb.Message
	var calls []func()
	for len(n.messages) > 0 || len(n.calls) > 0 {
		messages, n.messages = n.messages, messages[:0]
		calls, n.calls = n.calls, calls[:0]
		n.mutex.Unlock()
		n.turn(messages, calls)
		n.mutex.Lock()
	}
	// The arrays are kept for the next time.
	if cap(n.messages) < cap(messages) {
		n.messages = messages[:0]
	}
	n.busy = false
	n.mutex.Unlock()
}

func (n *node) turn(messages []raftpb.Message, calls []func()) {
	for i := range messages {
		// What the library refuses here is what Raft drops: messages of old terms and the like.
		_ = n.raw.Step(messages[i])
		messages[i] = raftpb.Message{}
	}
	for i, task := range calls {
		task()
		calls[i] = nil
	}
	n.proposeAsked()
	for n.raw.HasReady() {
		n.handle(n.raw.Ready())
		n.proposeAsked()
	}
	n.flush()
}

// propose asks for an entry; `answered` is called in the turn in which it is applied here.
func (n *node) propose(data []byte, answered func()) {
	n.asked = append(n.asked, raftpb.Entry{Data: data})
	n.answers = append(n.answers, answered)
}

// proposeAsked gives the library everything that was asked for since, in one message. The library copies the entries.
func (n *node) proposeAsked() {
	if len(n.asked) == 0 {
		return
	}
	if err := n.raw.Step(raftpb.Message{Type: raftpb.MsgProp, From: n.id, Entries: n.asked}); err != nil {
		n.fail(err)
	}
	n.asked = n.asked[:0]
}

// answer calls the oldest callbacks, which may ask again.
func (n *node) answer(operations int) {
	for ; operations > 0; operations-- {
		answered := n.answers[n.oldest]
		n.oldest++
		answered()
	}
	if n.oldest > len(n.answers)/2 {
		n.answers = n.answers[:copy(n.answers, n.answers[n.oldest:])]
		n.oldest = 0
	}
}

// handle does what the library asks for, in the order that it asks for: entries are on disk before anybody hears of it,
// except that a leader may send them first.
func (n *node) handle(ready raft.Ready) {
	if ready.SoftState != nil {
		led := n.leads
		n.leads = ready.SoftState.RaftState == raft.StateLeader
		if led && !n.leads {
			n.fail(errors.New("it leads no longer"))
		}
	}
	if n.leads {
		n.send(ready.Messages)
	}
	if n.disk != nil {
		if ready.MustSync {
			n.flush()
		}
		if err := n.disk.log.Save(ready.HardState, ready.Entries); err != nil {
			n.fail(err)
		}
	}
	if !raft.IsEmptyHardState(ready.HardState) {
		_ = n.storage.SetHardState(ready.HardState)
	}
	if err := n.storage.Append(ready.Entries); err != nil {
		n.fail(err)
	}
	if !n.leads {
		n.send(ready.Messages)
		n.flush()
	}
	n.apply(ready.CommittedEntries)
	n.raw.Advance(ready)
}

func (n *node) send(messages []raftpb.Message) {
	for i := range messages {
		if err := n.outlets[messages[i].To].send(&messages[i]); err != nil {
			n.fail(err)
		}
	}
}

func (n *node) flush() {
	for _, outlet := range n.outlets {
		if outlet == nil {
			continue
		}
		if err := outlet.flush(); err != nil {
			n.fail(err)
		}
	}
}

func (n *node) apply(entries []raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	operations := 0
	for i := range entries {
		if size := len(entries[i].Data); size > 0 {
			n.bytes += uint64(size)
			operations++
		}
	}
	n.entries += uint64(operations)
	n.applied = entries[len(entries)-1].Index
	if n.leads {
		n.answer(operations)
	}
	if n.leads && n.onLead != nil {
		// The first entry of its term: from now on it may commit.
		n.onLead()
		n.onLead = nil
	}
	if n.applied-n.first >= compactEntries {
		n.compact()
	}
}

// compact drops what all have, so that memory is bounded and nobody ever needs a snapshot.
func (n *node) compact() {
	upTo := n.applied
	if n.leads {
		n.raw.WithProgress(func(_ uint64, _ raft.ProgressType, progress tracker.Progress) {
			if progress.Match < upTo {
				upTo = progress.Match
			}
		})
	}
	if upTo >= n.first+compactEntries {
		if err := n.storage.Compact(upTo); err != nil {
			n.fail(err)
		}
		n.first = upTo
		if n.disk != nil {
			n.disk.release(upTo)
		}
	}
	if n.applied-n.first > logLimit {
		n.fail(fmt.Errorf("a follower is %d entries behind", n.applied-n.first))
	}
}

func (n *node) tick() {
	for range time.Tick(tickTime) {
		n.call(n.raw.Tick)
	}
}

func (n *node) fail(err error) { library.Fatal(fmt.Errorf("node %d: %w", n.id, err)) }
