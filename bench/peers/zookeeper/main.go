// The load generator for ZooKeeper: three servers, driven through the Go client go-zookeeper.
//
// Its best shape: up to 16 sessions, all of them at the leader, so that no write is handed on between servers; one
// goroutine for each setData in flight, which the sessions send one after the other without waiting. An answer means
// that a majority has flushed it ("disk") or written it to a file ("memory").
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/samuel/go-zookeeper/zk"

	"mako-bench/bench"
	"mako-bench/loadgen"
)

const (
	sessions = 16
	// Nodes of the tree that are written again and again.
	nodeCount      = 1000
	sessionTimeout = 20 * time.Second
	dialLimit      = 10 * time.Second
	anyVersion     = -1
	jar            = "/usr/share/java/zookeeper.jar"
)

// Of the servers, for clients.
var addresses []string

func main() { loadgen.Serve(loadgen.Peer{Start: start, Connect: connect}) }

func start(servers *loadgen.Servers, setup string) error {
	ports, err := loadgen.FreePorts(3 * loadgen.Count)
	if err != nil {
		return err
	}
	var members []string
	for i := 0; i < loadgen.Count; i++ {
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", ports[i]))
		quorum, election := ports[loadgen.Count+i], ports[2*loadgen.Count+i]
		members = append(members, fmt.Sprintf("server.%d=127.0.0.1:%d:%d", i+1, quorum, election))
	}
	for i := range addresses {
		name := fmt.Sprintf("n%d", i)
		directory, err := servers.Directory(name)
		if err != nil {
			return err
		}
		configuration := filepath.Join(directory, "zoo.cfg")
		text := fmt.Sprintf(`
tickTime=2000
initLimit=10
syncLimit=5
dataDir=%s
clientPort=%d
clientPortAddress=127.0.0.1
maxClientCnxns=0
# More than are ever in flight: the default of 1000 would hold clients back.
globalOutstandingLimit=100000
admin.enableServer=false
4lw.commands.whitelist=srvr
%s
`, directory, ports[i], strings.Join(members, "\n"))
		if err := os.WriteFile(configuration, []byte(text), 0o644); err != nil {
			return err
		}
		identity := filepath.Join(directory, "myid")
		if err := os.WriteFile(identity, []byte(fmt.Sprint(i+1)), 0o644); err != nil {
			return err
		}
		arguments := []string{"-Xmx1g", "-cp", jar}
		if setup == "memory" {
			arguments = append(arguments, "-Dzookeeper.forceSync=no")
		}
		arguments = append(arguments, "org.apache.zookeeper.server.quorum.QuorumPeerMain", configuration)
		if err := servers.Run(name, "java", arguments...); err != nil {
			return err
		}
	}
	if err := servers.Until("a ZooKeeper ensemble", allServe); err != nil {
		return err
	}
	return makeNodes()
}

func connect(load bench.Load) (*loadgen.Clients, error) {
	leader, err := findLeader()
	if err != nil {
		return nil, err
	}
	var opened []*zk.Conn
	all := &loadgen.Clients{Leader: leader, Close: func() {
		for _, session := range opened {
			session.Close()
		}
	}}
	for i := 0; i < loadgen.Min(load.InFlight, sessions); i++ {
		session, err := open(addresses[leader])
		if err != nil {
			all.Close()
			return nil, err
		}
		opened = append(opened, session)
	}
	nodes := loadgen.Keys("/bench", nodeCount)
	value := loadgen.Value(load.Bytes)
	for i := 0; i < load.InFlight; i++ {
		session, next := opened[i%len(opened)], i
		all.Ask = append(all.Ask, func() (loadgen.Answered, error) {
			asked := time.Now()
			next += load.InFlight
			_, err := session.Set(nodes[next%nodeCount], value, anyVersion)
			return loadgen.One(asked), err
		})
	}
	return all, nil
}

// open returns a session that the server has granted.
func open(address string) (*zk.Conn, error) {
	session, events, err := zk.Connect([]string{address}, sessionTimeout, zk.WithLogInfo(false))
	if err != nil {
		return nil, err
	}
	limit := time.After(dialLimit)
	for {
		select {
		case event := <-events:
			if event.State == zk.StateHasSession {
				return session, nil
			}
		case <-limit:
			session.Close()
			return nil, fmt.Errorf("no session at %s", address)
		}
	}
}

func makeNodes() error {
	const together = 50
	leader, err := findLeader()
	if err != nil {
		return err
	}
	session, err := open(addresses[leader])
	if err != nil {
		return err
	}
	defer session.Close()
	nodes := loadgen.Keys("/bench", nodeCount)
	failures := make([]error, together)
	var making sync.WaitGroup
	for i := 0; i < together; i++ {
		making.Add(1)
		go func(first int) {
			defer making.Done()
			for j := first; j < nodeCount && failures[first] == nil; j += together {
				_, failures[first] = session.Create(nodes[j], nil, 0, zk.WorldACL(zk.PermAll))
			}
		}(i)
	}
	making.Wait()
	for _, failure := range failures {
		if failure != nil {
			return failure
		}
	}
	return nil
}

func allServe() error {
	for _, address := range addresses {
		if _, err := mode(address); err != nil {
			return err
		}
	}
	return nil
}

func findLeader() (int, error) {
	for i, address := range addresses {
		if is, err := mode(address); err == nil && is == "leader" {
			return i, nil
		}
	}
	return 0, errors.New("no server leads")
}

// mode asks a server what it is: "leader" or "follower". The client's own question does not understand the answer of
// this version.
func mode(address string) (string, error) {
	connection, err := net.DialTimeout("tcp", address, dialLimit)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(dialLimit))
	if _, err := connection.Write([]byte("srvr")); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(connection)
	if err != nil {
		return "", err
	}
	const key = "Mode: "
	for _, line := range strings.Split(string(answer), "\n") {
		if strings.HasPrefix(line, key) {
			return strings.TrimPrefix(line, key), nil
		}
	}
	return "", fmt.Errorf("%s does not serve: %s", address, answer)
}
