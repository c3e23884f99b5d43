package library

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Count of nodes in a group.
const Count = 3

// Leader is the node beside which the clients are.
const Leader = 1

// Node is one of three that are processes of their own.
type Node struct {
	// ID is 1, 2 or 3.
	ID int
	// Addresses are those of all three, on loopback.
	Addresses []string
	// Disk tells whether entries are flushed.
	Disk bool
	// Directory is there, empty, and for this node alone.
	Directory string
}

func newNodes(disk bool, directory string) ([]Node, error) {
	addresses, err := freeAddresses()
	if err != nil {
		return nil, err
	}
	nodes := make([]Node, Count)
	for i := range nodes {
		id := i + 1
		nodes[i] = Node{ID: id, Addresses: addresses, Disk: disk, Directory: filepath.Join(directory, fmt.Sprint(id))}
		if err := os.MkdirAll(nodes[i].Directory, 0o755); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func freeAddresses() ([]string, error) {
	var addresses []string
	for len(addresses) < Count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Kept until all are found, so that none is found twice.
		defer listener.Close()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}

// spawn starts this program as a node of its own. It ends when its input does, which ends with this process.
func spawn(node Node) (pid int, err error) {
	argument, err := json.Marshal(node)
	if err != nil {
		return 0, err
	}
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	command := exec.Command(program, string(argument))
	command.Dir = node.Directory
	if _, err := command.StdinPipe(); err != nil {
		return 0, err
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return 0, err
	}
	go func() {
		err := command.Wait()
		Fatal(fmt.Errorf("node %d has ended: %v", node.ID, err))
	}()
	return command.Process.Pid, nil
}

func follow(library Library, argument string) {
	var node Node
	err := json.Unmarshal([]byte(argument), &node)
	if err == nil {
		err = library.Follow(node)
	}
	if err != nil {
		Fatal(err)
	}
}
