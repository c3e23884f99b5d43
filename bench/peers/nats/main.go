// The load generator for NATS JetStream: three servers and one stream with three replicas, driven through NATS' own Go
// client.
//
// Its best shape: asynchronous publishing over up to 4 connections to the server that leads the stream, with one
// goroutine for each, so that messages are written to sockets many at a time and none is handed on between servers. An
// acknowledgement means that a majority has stored the message: in a file that is not flushed ("disk"; NATS 2.9 flushes
// every two minutes), or in memory.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"mako-bench/bench"
	"mako-bench/loadgen"
)

const (
	connections = 4
	stream      = "BENCH"
	subject     = "bench"
	// What the stream keeps; older messages are dropped.
	streamBytes = 1 << 30
	dialLimit   = 10 * time.Second
	closeLimit  = 2 * time.Second
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

func connect(load bench.Load) (*loadgen.Clients, error) {
	leader, err := findLeader()
	if err != nil {
		return nil, err
	}
	all := &loadgen.Clients{Leader: leader}
	var publishers []*publisher
	all.Close = func() {
		limit, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		for _, each := range publishers {
			each.close(limit)
		}
	}
	count := loadgen.Min(load.InFlight, connections)
	for i := 0; i < count; i++ {
		each, err := newPublisher(urls[leader], loadgen.Share(load.InFlight, count, i), loadgen.Value(load.Bytes))
		if err != nil {
			all.Close()
			return nil, err
		}
		publishers = append(publishers, each)
		all.Ask = append(all.Ask, each.ask)
	}
	return all, nil
}

// publisher keeps its share of messages under way on one connection. Acknowledgements come in the order of the messages,
// so that one goroutine is enough, which always waits for the oldest.
type publisher struct {
	connection *nats.Conn
	jetStream  nats.JetStreamContext
	message    *nats.Msg
	failed     chan error
	// A ring of what is under way.
	futures       []nats.PubAckFuture
	asked         []time.Time
	oldest, count int
}

func newPublisher(url string, share int, value []byte) (*publisher, error) {
	connection, err := dial(url)
	if err != nil {
		return nil, err
	}
	p := &publisher{
		connection: connection,
		message:    &nats.Msg{Subject: subject, Data: value},
		failed:     make(chan error, 1),
		futures:    make([]nats.PubAckFuture, share),
		asked:      make([]time.Time, share),
	}
	p.jetStream, err = connection.JetStream(nats.PublishAsyncMaxPending(share+1), nats.PublishAsyncErrHandler(p.fail))
	if err != nil {
		connection.Close()
		return nil, err
	}
	return p, nil
}

// ask publishes as many as may be under way and waits for the oldest.
func (p *publisher) ask() (loadgen.Answered, error) {
	for p.count < len(p.futures) {
		asked := time.Now()
		future, err := p.jetStream.PublishMsgAsync(p.message)
		if err != nil {
			return loadgen.Answered{}, err
		}
		last := (p.oldest + p.count) % len(p.futures)
		p.futures[last], p.asked[last] = future, asked
		p.count++
	}
	select {
	case <-p.futures[p.oldest].Ok():
	case err := <-p.failed:
		return loadgen.Answered{}, err
	}
	answered := loadgen.One(p.asked[p.oldest])
	p.oldest = (p.oldest + 1) % len(p.futures)
	p.count--
	return answered, nil
}

func (p *publisher) fail(_ nats.JetStream, _ *nats.Msg, err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// close waits for what is under way, so that nothing of it is left in the next measurement, but not for long: when all
// goes well those are the messages of a moment.
func (p *publisher) close(limit context.Context) {
	select {
	case <-p.jetStream.PublishAsyncComplete():
	case <-limit.Done():
	}
	p.connection.Close()
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
