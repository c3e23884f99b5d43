// The load generator for NATS JetStream: three servers and one stream with three replicas, driven through NATS' own Go
// client.
//
// Its best shape: asynchronous publishing over up to 4 connections to the server that leads the stream, so that
// messages are written to sockets many at a time and none is handed on between servers. An acknowledgement means that a
// majority has stored the message: in a file that is not flushed ("disk"; NATS 2.9 flushes every two minutes), or in
// memory.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"mako-bench/loadgen"
)

const (
	connections = 4
	stream      = "BENCH"
	subject     = "bench"
	// What the stream keeps; older messages are dropped.
	streamBytes = 1 << 30
	dialLimit   = 10 * time.Second
)

// Of the servers, for clients.
var urls []string

func main() { loadgen.Serve(loadgen.Peer{Start: start, Connect: connect}) }

func start(servers *loadgen.Servers, setup string) error {
	ports, err := loadgen.FreePorts(2 * loadgen.Count)
	if err != nil {
		return err
	}
	var routes []string
	for i := 0; i < loadgen.Count; i++ {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[loadgen.Count+i]))
	}
	for i := range urls {
		name := fmt.Sprintf("n%d", i)
		directory, err := servers.Directory(name)
		if err != nil {
			return err
		}
		configuration := filepath.Join(directory, "nats.conf")
		text := fmt.Sprintf(`
			server_name: %s
			listen: "127.0.0.1:%d"
			jetstream { store_dir: %q, max_mem: 4G, max_file: 8G }
			cluster { name: bench, listen: "127.0.0.1:%d", routes: [%s] }
		`, name, ports[i], directory, ports[loadgen.Count+i], strings.Join(routes, ", "))
		if err := os.WriteFile(configuration, []byte(text), 0o644); err != nil {
			return err
		}
		if err := servers.Run(name, "nats-server", "-c", configuration); err != nil {
			return err
		}
	}
	storage := nats.FileStorage
	if setup == "memory" {
		storage = nats.MemoryStorage
	}
	return servers.Until("a JetStream cluster", func() error {
		connection, err := dial(urls[0])
		if err != nil {
			return err
		}
		defer connection.Close()
		jetStream, err := connection.JetStream(nats.MaxWait(2 * time.Second))
		if err != nil {
			return err
		}
		_, err = jetStream.AddStream(&nats.StreamConfig{
			Name:     stream,
			Subjects: []string{subject},
			Storage:  storage,
			Replicas: loadgen.Count,
			MaxBytes: streamBytes,
			Discard:  nats.DiscardOld,
		})
		if err != nil {
			return err
		}
		_, err = jetStream.Publish(subject, nil)
		return err
	})
}

func connect(load loadgen.Load) (*loadgen.Clients, error) {
	leader, err := findLeader()
	if err != nil {
		return nil, err
	}
	var opened []*nats.Conn
	all := &loadgen.Clients{Leader: leader, Close: func() {
		for _, connection := range opened {
			connection.Close()
		}
	}}
	count := loadgen.Min(load.InFlight, connections)
	value := loadgen.Value(load.Bytes)
	for i := 0; i < count; i++ {
		connection, err := dial(urls[leader])
		if err != nil {
			all.Close()
			return nil, err
		}
		opened = append(opened, connection)
		share := loadgen.Share(load.InFlight, count, i)
		jetStream, err := connection.JetStream(nats.PublishAsyncMaxPending(share + 1))
		if err != nil {
			all.Close()
			return nil, err
		}
		for j := 0; j < share; j++ {
			all.Ask = append(all.Ask, func() (int, error) {
				future, err := jetStream.PublishMsgAsync(&nats.Msg{Subject: subject, Data: value})
				if err != nil {
					return 0, err
				}
				select {
				case <-future.Ok():
					return 1, nil
				case err := <-future.Err():
					return 0, err
				}
			})
		}
	}
	return all, nil
}

func dial(url string) (*nats.Conn, error) {
	return nats.Connect(url, nats.NoReconnect(), nats.Timeout(dialLimit))
}

func findLeader() (int, error) {
	connection, err := dial(urls[0])
	if err != nil {
		return 0, err
	}
	defer connection.Close()
	jetStream, err := connection.JetStream(nats.MaxWait(dialLimit))
	if err != nil {
		return 0, err
	}
	info, err := jetStream.StreamInfo(stream)
	if err != nil {
		return 0, err
	}
	for i := range urls {
		if info.Cluster != nil && info.Cluster.Leader == fmt.Sprintf("n%d", i) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("the stream %s has no leader", stream)
}
