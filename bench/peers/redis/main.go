// The load generator for Redis: a primary and two replicas, driven through the Go client redigo.
//
// Its best shape: up to 4 connections, each of which sends its share of SETs and one WAIT 1 in one go and then reads all
// answers; the time of each SET is that of its batch. WAIT 1 says that one of two replicas has the writes in memory, so
// that two of three servers have them; with an append-only file the primary has flushed them too ("disk"), the replica
// may not have. That is replication without consensus: nobody is elected, and acknowledged writes can be lost.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"mako-bench/bench"
	"mako-bench/loadgen"
)

const (
	connections = 4
	// Keys that are written again and again.
	keyCount = 10_000
	// Of the servers that must have a write beside the primary, and how long they may take.
	replicas    = 1
	waitLimitMs = 20_000
	dialLimit   = 10 * time.Second
	// Of an append-only file, which only grows while clients are measured.
	maxFileBytes = 1 << 30
	// Longer than a measurement may stall: then the loop says so.
	readLimit = 30 * time.Second
)

// Of the primary, and then of the replicas.
var addresses []string

func main() { loadgen.Serve(loadgen.Peer{Start: start, Connect: connect}) }

func start(servers *loadgen.Servers, setup string) error {
	ports, err := loadgen.FreePorts(loadgen.Count)
	if err != nil {
		return err
	}
	for i, port := range ports {
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
		name := fmt.Sprintf("n%d", i)
		directory, err := servers.Directory(name)
		if err != nil {
			return err
		}
		arguments := []string{
			"--bind", "127.0.0.1",
			"--port", fmt.Sprint(port),
			"--dir", directory,
			"--save", "",
			"--repl-diskless-sync-delay", "0",
			"--repl-backlog-size", "64mb",
			// A replica that is behind for a moment on a busy machine is not cut off and copied anew.
			"--client-output-buffer-limit", "replica 1gb 1gb 60",
		}
		if setup == "disk" {
			// Writing the file anew would be in some measurements and not in others: see shorten.
			arguments = append(arguments,
				"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
		} else {
			arguments = append(arguments, "--appendonly", "no")
		}
		if i > 0 {
			arguments = append(arguments, "--replicaof", fmt.Sprintf("127.0.0.1 %d", ports[0]))
		}
		if err := servers.Run(name, "redis-server", arguments...); err != nil {
			return err
		}
	}
	return servers.Until("a primary with its replicas", func() error {
		connection, err := dial(addresses[0])
		if err != nil {
			return err
		}
		defer connection.Close()
		if _, err := connection.Do("SET", "ready", ""); err != nil {
			return err
		}
		reached, err := redis.Int(connection.Do("WAIT", loadgen.Count-1, 1000))
		if err == nil && reached < loadgen.Count-1 {
			err = fmt.Errorf("%d replicas", reached)
		}
		return err
	})
}

func connect(load bench.Load) (*loadgen.Clients, error) {
	for _, address := range addresses {
		if err := shorten(address); err != nil {
			return nil, err
		}
	}
	var opened []redis.Conn
	all := &loadgen.Clients{Close: func() {
		for _, connection := range opened {
			connection.Close()
		}
	}}
	count := loadgen.Min(load.InFlight, connections)
	keys := loadgen.Keys("key", keyCount)
	value := loadgen.Value(load.Bytes)
	for i := 0; i < count; i++ {
		connection, err := dial(addresses[0])
		if err != nil {
			all.Close()
			return nil, err
		}
		opened = append(opened, connection)
		share, next := loadgen.Share(load.InFlight, count, i), i*keyCount/count
		all.Ask = append(all.Ask, func() (loadgen.Answered, error) {
			answered := loadgen.Answered{Operations: share, Asked: time.Now()}
			for j := 0; j < share; j++ {
				next++
				if err := connection.Send("SET", keys[next%keyCount], value); err != nil {
					return answered, err
				}
			}
			return answered, waited(connection, share)
		})
	}
	return all, nil
}

// waited sends what is buffered and a WAIT, and looks at all the answers.
func waited(connection redis.Conn, sets int) error {
	if err := connection.Send("WAIT", replicas, waitLimitMs); err != nil {
		return err
	}
	if err := connection.Flush(); err != nil {
		return err
	}
	for i := 0; i < sets; i++ {
		if _, err := connection.Receive(); err != nil {
			return err
		}
	}
	reached, err := redis.Int(connection.Receive())
	if err == nil && reached < replicas {
		err = errors.New("WAIT has reached no replica")
	}
	return err
}

// shorten has a server write its append-only file anew, between two measurements, when that has become too long.
func shorten(address string) error {
	connection, err := dial(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	length, err := persistence(connection, "aof_current_size")
	if err != nil || length < maxFileBytes {
		return err
	}
	if _, err := connection.Do("BGREWRITEAOF"); err != nil {
		return err
	}
	for end := time.Now().Add(readLimit); ; time.Sleep(20 * time.Millisecond) {
		writing, err := persistence(connection, "aof_rewrite_in_progress")
		if err != nil || writing == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s has not written its file anew after %v", address, readLimit)
		}
	}
}

// persistence is what a server says of its files, 0 when it has none.
func persistence(connection redis.Conn, name string) (int, error) {
	text, err := redis.String(connection.Do("INFO", "persistence"))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(text, "\r\n") {
		if strings.HasPrefix(line, name+":") {
			return strconv.Atoi(strings.TrimPrefix(line, name+":"))
		}
	}
	return 0, nil
}

func dial(address string) (redis.Conn, error) {
	return redis.Dial("tcp", address, redis.DialConnectTimeout(dialLimit), redis.DialReadTimeout(readLimit))
}
