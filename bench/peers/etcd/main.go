// The load generator for etcd: three servers, driven through etcd's own Go client (clientv3).
//
// Its best shape: a gRPC connection for each 32 operations in flight, at most 16, because one alone is held back by its
// single reader and writer, and many write less at a time; all of them to the leader, so that no write is handed on
// between servers; one goroutine for each operation in flight, as etcd's own benchmark tool does. An answer to a Put means
// that a majority has flushed it ("disk") or written it to a file ("memory").
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.uber.org/zap"

	"mako-bench/bench"
	"mako-bench/loadgen"
)

const (
	connections   = 16
	perConnection = 32
	// Keys that are written again and again.
	keyCount = 10_000
	// More than any measurement fills.
	quotaBytes = 8 << 30
	dialLimit  = 10 * time.Second
)

// Of the servers, for clients.
var urls []string

func main() { loadgen.Serve(loadgen.Peer{Start: start, Connect: connect}) }

func start(servers *loadgen.Servers, setup string) error {
	ports, err := loadgen.FreePorts(2 * loadgen.Count)
	if err != nil {
		return err
	}
	peerURL := func(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", ports[loadgen.Count+i]) }
	var members []string
	for i := 0; i < loadgen.Count; i++ {
		urls = append(urls, fmt.Sprintf("http://127.0.0.1:%d", ports[i]))
		members = append(members, fmt.Sprintf("n%d=%s", i, peerURL(i)))
	}
	for i, url := range urls {
		name := fmt.Sprintf("n%d", i)
		directory, err := servers.Directory(name)
		if err != nil {
			return err
		}
		arguments := []string{
			"--name", name,
			"--data-dir", directory,
			"--listen-client-urls", url,
			"--advertise-client-urls", url,
			"--listen-peer-urls", peerURL(i),
			"--initial-advertise-peer-urls", peerURL(i),
			"--initial-cluster", strings.Join(members, ","),
			"--initial-cluster-state", "new",
			"--quota-backend-bytes", fmt.Sprint(quotaBytes),
			"--logger", "zap",
			"--log-level", "error",
		}
		if setup == "memory" {
			arguments = append(arguments, "--unsafe-no-fsync")
		}
		if err := servers.Run(name, "etcd", arguments...); err != nil {
			return err
		}
	}
	return servers.Until("an etcd cluster", func() error {
		client, err := dial(urls[0])
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err = client.Put(ctx, "ready", "")
		return err
	})
}

func connect(load bench.Load) (*loadgen.Clients, error) {
	leader, err := findLeader()
	if err != nil {
		return nil, err
	}
	var clients []*clientv3.Client
	all := &loadgen.Clients{Leader: leader, Close: func() {
		for _, client := range clients {
			client.Close()
		}
	}}
	count := loadgen.Min((load.InFlight+perConnection-1)/perConnection, connections)
	for i := 0; i < count; i++ {
		client, err := dial(urls[leader])
		if err != nil {
			all.Close()
			return nil, err
		}
		clients = append(clients, client)
	}
	keys := loadgen.Keys("key", keyCount)
	value := string(loadgen.Value(load.Bytes))
	for i := 0; i < load.InFlight; i++ {
		client, next := clients[i%len(clients)], i
		all.Ask = append(all.Ask, func() (loadgen.Answered, error) {
			asked := time.Now()
			next += load.InFlight
			_, err := client.Put(context.Background(), keys[next%keyCount], value)
			return loadgen.One(asked), err
		})
	}
	return all, nil
}

func dial(url string) (*clientv3.Client, error) {
	// What fails is returned; the client need not say so as well.
	quiet := zap.NewProductionConfig()
	quiet.OutputPaths, quiet.ErrorOutputPaths = nil, nil
	return clientv3.New(clientv3.Config{Endpoints: []string{url}, DialTimeout: dialLimit, LogConfig: &quiet})
}

func findLeader() (int, error) {
	for i, url := range urls {
		client, err := dial(url)
		if err != nil {
			return 0, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
		status, err := client.Status(ctx, url)
		cancel()
		client.Close()
		if err != nil {
			return 0, err
		}
		if status.Leader == status.Header.MemberId {
			return i, nil
		}
	}
	return 0, errors.New("no server leads")
}
