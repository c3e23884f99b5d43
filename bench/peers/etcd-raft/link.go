package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"go.etcd.io/etcd/raft/raftpb"

	"mako-bench/library"
)

const (
	// Before a message: its length, and how many entries it has.
	headerBytes = 8
	frameLimit  = 64 << 20
	// A message that has filled so much of a buffer does not wait for the end of the turn.
	writeBytes  = 32 << 10
	readBytes   = 256 << 10
	redialAfter = 20 * time.Millisecond
)

// connect listens for the other nodes, and reaches them.
func connect(n *node, addresses []string) error {
	listener, err := net.Listen("tcp", addresses[n.id-1])
	if err != nil {
		return err
	}
	for i, address := range addresses {
		if id := uint64(i + 1); id != n.id {
			connection, err := dial(address)
			if err != nil {
				return err
			}
			n.outlets[id] = &link{connection: connection}
		}
	}
	// Only now: what arrives may be answered at once.
	go accept(n, listener)
	return nil
}

func dial(address string) (net.Conn, error) {
	end := time.Now().Add(library.StartLimit)
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil || time.Now().After(end) {
			return connection, err
		}
		time.Sleep(redialAfter)
	}
}

func accept(n *node, listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			library.Fatal(err)
		}
		go func() {
			err := receive(n, connection)
			if n.leads || err != io.EOF {
				library.Fatal(fmt.Errorf("node %d has lost a connection: %w", n.id, err))
			}
		}()
	}
}

// link is the connection to one other node, written by whoever runs a turn of this one.
type link struct {
	connection net.Conn
	buffer     []byte
}

func (l *link) send(message *raftpb.Message) error {
	size := message.Size()
	start := len(l.buffer)
	end := start + headerBytes + size
	if end > cap(l.buffer) {
		larger := make([]byte, start, 2*end)
		copy(larger, l.buffer)
		l.buffer = larger
	}
	l.buffer = l.buffer[:end]
	binary.LittleEndian.PutUint32(l.buffer[start:], uint32(size))
	binary.LittleEndian.PutUint32(l.buffer[start+4:], uint32(len(message.Entries)))
	if _, err := message.MarshalTo(l.buffer[start+headerBytes : end]); err != nil {
		return err
	}
	if len(l.buffer) >= writeBytes {
		return l.flush()
	}
	return nil
}

func (l *link) flush() error {
	if len(l.buffer) == 0 {
		return nil
	}
	_, err := l.connection.Write(l.buffer)
	l.buffer = l.buffer[:0]
	return err
}

// receive hands over all the messages that one read has brought at once.
func receive(n *node, connection net.Conn) error {
	buffer := make([]byte, readBytes)
	var messages []raftpb.Message
	filled := 0
	for {
		count, err := connection.Read(buffer[filled:])
		if err != nil {
			return err
		}
		filled += count
		used := 0
		for filled-used >= headerBytes {
			size := int(binary.LittleEndian.Uint32(buffer[used:]))
			if size > frameLimit {
				return fmt.Errorf("a message of %d bytes", size)
			}
			end := used + headerBytes + size
			if end > filled {
				if end-used > len(buffer) {
					larger := make([]byte, 2*(end-used))
					copy(larger, buffer[used:filled])
					buffer, filled, used = larger, filled-used, 0
				}
				break
			}
			var message raftpb.Message
			if entries := int(binary.LittleEndian.Uint32(buffer[used+4:])); entries > 0 && entries <= size {
				message.Entries = make([]raftpb.Entry, 0, entries)
			}
			if err := message.Unmarshal(buffer[used+headerBytes : end]); err != nil {
				return err
			}
			messages = append(messages, message)
			used = end
		}
		if used > 0 {
			copy(buffer, buffer[used:filled])
			filled -= used
		}
		if len(messages) > 0 {
			n.enter(messages)
			messages = messages[:0]
		}
	}
}
