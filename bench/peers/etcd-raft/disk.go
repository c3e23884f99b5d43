package main

import (
	"path/filepath"
	"time"

	"go.etcd.io/etcd/pkg/fileutil"
	"go.etcd.io/etcd/wal"
	"go.etcd.io/etcd/wal/walpb"
	"go.uber.org/zap"

	"mako-bench/library"
)

// Segments of the log that are kept, as etcd keeps them.
const (
	keptSegments  = 5
	purgeInterval = 500 * time.Millisecond
)

// disk is etcd's write-ahead log with its default options.
type disk struct {
	log *wal.WAL
}

func openDisk(directory string) (*disk, error) {
	path := filepath.Join(directory, "wal")
	log, err := wal.Create(zap.NewNop(), path, nil)
	if err != nil {
		return nil, err
	}
	if err := log.SaveSnapshot(walpb.Snapshot{Index: 1, Term: 1}); err != nil {
		return nil, err
	}
	purged := fileutil.PurgeFile(zap.NewNop(), path, "wal", keptSegments, purgeInterval, nil)
	go func() { library.Fatal(<-purged) }()
	return &disk{log: log}, nil
}

// release lets go of the segments in which nothing lies behind an index: they will be removed.
func (d *disk) release(index uint64) {
	if err := d.log.ReleaseLockTo(index); err != nil {
		library.Fatal(err)
	}
}
