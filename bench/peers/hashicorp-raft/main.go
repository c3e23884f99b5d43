// The driver of hashicorp/raft: three replicas in the best shape we know for it.
//
//   - So many clients, each a goroutine that waits for its future, because Apply hands over one entry at a time: those
//     that wait meanwhile are the batch of the leader's next write.
//   - On disk raft-boltdb, flushed for each batch, behind the library's log cache, as its users have it; batches of up to
//     1,024 entries, which is the library's limit.
//   - In memory a ring of the last entries, which is faster than the library's own store, a map, and bounded.
//   - The library's pipelined TCP transport, and within one process its transport in memory.
//   - A state machine that takes batches. Logging is off.
//
// The garbage collector runs less often than by default: a GOGC of 400 is faster than 100 and 200, and no slower than
// 800 and 1600.
package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"

	"mako-bench/bench"
	"mako-bench/library"
)

const (
	// Entries that a log cache, or a log in memory, holds.
	heldEntries = 1 << 16
	// Connections that the TCP transport keeps for calls that are not pipelined, and how long a call may take.
	pooled    = 3
	callLimit = 5 * time.Second
	// The same of the transport in memory, which has a timer for each call until then: it is the fewer, the faster.
	localCallLimit = 500 * time.Millisecond
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
			servers := make([]raft.Server, library.Count)
			for i, address := range options.Addresses {
				servers[i] = raft.Server{ID: nodeID(i + 1), Address: raft.ServerAddress(address)}
			}
			return clients{node}.start, lead(node, servers)
		},
		OneProcess: oneProcess,
	})
}

// open starts a node that is a process of its own.
func open(options library.Node) (*raft.Raft, error) {
	transport, err := raft.NewTCPTransport(options.Addresses[options.ID-1], nil, pooled, callLimit, io.Discard)
	if err != nil {
		return nil, err
	}
	if !options.Disk {
		return newNode(options.ID, memoryBatch, newRing(heldEntries), transport)
	}
	bolt, err := raftboltdb.NewBoltStore(filepath.Join(options.Directory, "raft.db"))
	if err != nil {
		return nil, err
	}
	cache, err := raft.NewLogCache(heldEntries, bolt)
	if err != nil {
		return nil, err
	}
	return newNode(options.ID, diskBatch, cached{cache, bolt}, transport)
}

// Entries of a batch: the fastest of 64, 128, 256 and 1,024, on disk and in memory; the differences are small.
const (
	diskBatch       = 1024
	memoryBatch     = 128
	oneProcessBatch = 256
)

func nodeID(node int) raft.ServerID { return raft.ServerID(fmt.Sprint(node)) }

func oneProcess() (library.Start, error) {
	servers := make([]raft.Server, library.Count)
	transports := make([]*raft.InmemTransport, library.Count)
	for i := range servers {
		address, transport := raft.NewInmemTransportWithTimeout("", localCallLimit)
		servers[i], transports[i] = raft.Server{ID: nodeID(i + 1), Address: address}, transport
	}
	all := make([]*raft.Raft, library.Count)
	for i, from := range transports {
		for j, to := range transports {
			if i != j {
				from.Connect(servers[j].Address, to)
			}
		}
		node, err := newNode(i+1, oneProcessBatch, newRing(heldEntries), from)
		if err != nil {
			return nil, err
		}
		all[i] = node
	}
	leader := all[library.Leader-1]
	return clients{leader}.start, lead(leader, servers)
}

// store is what the library needs of a disk.
type store interface {
	raft.LogStore
	raft.StableStore
}

// cached has the log behind a cache and the rest directly.
type cached struct {
	raft.LogStore
	raft.StableStore
}

func newNode(id, batch int, store store, transport raft.Transport) (*raft.Raft, error) {
	config := raft.DefaultConfig()
	config.LocalID = nodeID(id)
	config.MaxAppendEntries = batch
	config.Logger = hclog.NewNullLogger()
	if id != library.Leader {
		// On a busy machine a leader that is only late shall stay the leader.
		config.HeartbeatTimeout = 10 * time.Second
		config.ElectionTimeout = 10 * time.Second
	}
	config.LeaderLeaseTimeout = config.HeartbeatTimeout
	return raft.NewRaft(config, &machine{}, store, store, raft.NewDiscardSnapshotStore(), transport)
}

// lead makes a node the leader: the others learn from it who belongs to the group, and cannot ask for votes before.
func lead(node *raft.Raft, servers []raft.Server) error {
	if err := node.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		return err
	}
	end := time.Now().Add(library.StartLimit)
	for node.State() != raft.Leader {
		if time.Now().After(end) {
			return fmt.Errorf("no leader in %v", library.StartLimit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return node.Barrier(library.StartLimit).Error()
}

// machine counts what it is given.
type machine struct {
	entries, bytes uint64
	responses      []interface{}
}

// ApplyBatch answers nil for each entry.
func (m *machine) ApplyBatch(entries []*raft.Log) []interface{} {
	for _, entry := range entries {
		m.Apply(entry)
	}
	for len(m.responses) < len(entries) {
		m.responses = append(m.responses, nil)
	}
	return m.responses[:len(entries)]
}

func (m *machine) Apply(entry *raft.Log) interface{} {
	m.entries++
	m.bytes += uint64(len(entry.Data))
	return nil
}

// Snapshot has nothing to keep: with it the library may drop old entries from the disk, as it does every few minutes.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }

func (m *machine) Restore(io.ReadCloser) error { return errors.New("nothing was ever kept here") }

type nothing struct{}

func (nothing) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (nothing) Release()                             {}

type clients struct{ leader *raft.Raft }

// start has so many clients apply an entry each as soon as the last one is answered.
func (c clients) start(load bench.Load, meter *library.Meter) func() {
	payload := make([]byte, load.Bytes)
	stopping := int32(0)
	var running sync.WaitGroup
	running.Add(load.InFlight)
	for i := 0; i < load.InFlight; i++ {
		go func() {
			defer running.Done()
			for atomic.LoadInt32(&stopping) == 0 {
				asked := library.Now()
				if err := c.leader.Apply(payload, 0).Error(); err != nil {
					meter.Fail(err)
					return
				}
				meter.Done(library.Now() - asked)
			}
		}()
	}
	return func() {
		atomic.StoreInt32(&stopping, 1)
		running.Wait()
	}
}
