package main

import (
	"sync"

	"github.com/hashicorp/raft"
)

// ring is a log in memory that forgets its oldest entries: memory is bounded, and nobody here ever asks for those.
// Everything else is in the library's own store in memory.
type ring struct {
	raft.StableStore

	mutex       sync.RWMutex
	entries     []*raft.Log
	first, last uint64
}

func newRing(size int) *ring {
	return &ring{StableStore: raft.NewInmemStore(), entries: make([]*raft.Log, size)}
}

func (r *ring) slot(index uint64) **raft.Log { return &r.entries[index%uint64(len(r.entries))] }

// FirstIndex is 0 when the log is empty.
func (r *ring) FirstIndex() (uint64, error) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.first, nil
}

// LastIndex is 0 when the log is empty.
func (r *ring) LastIndex() (uint64, error) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.last, nil
}

func (r *ring) GetLog(index uint64, entry *raft.Log) error {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	found := *r.slot(index)
	if found == nil || found.Index != index {
		return raft.ErrLogNotFound
	}
	*entry = *found
	return nil
}

func (r *ring) StoreLog(entry *raft.Log) error { return r.StoreLogs([]*raft.Log{entry}) }

func (r *ring) StoreLogs(entries []*raft.Log) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, entry := range entries {
		*r.slot(entry.Index) = entry
		r.last = entry.Index
		if r.first == 0 {
			r.first = entry.Index
		}
	}
	if held := uint64(len(r.entries)); r.last-r.first >= held {
		r.first = r.last - held + 1
	}
	return nil
}

// DeleteRange drops a conflicting end, or a beginning.
func (r *ring) DeleteRange(first, last uint64) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for index := first; index <= last; index++ {
		if slot := r.slot(index); *slot != nil && (*slot).Index == index {
			*slot = nil
		}
	}
	if first <= r.first {
		r.first = last + 1
	}
	if last >= r.last {
		r.last = first - 1
	}
	if r.first > r.last {
		r.first, r.last = 0, 0
	}
	return nil
}
